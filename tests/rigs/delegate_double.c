/* A TFLite external delegate that stands in for an accelerator. Built by the tests:
 *
 *     cc -shared -fPIC -o double.so delegate_double.c
 *
 * Its option "mode" says how it behaves:
 *     add       takes every float ADD and computes it (the default)
 *     none      takes nothing
 *     refuse    makes no delegate, as a library without its device does
 *     silent    the same, and gives no reason
 *     prepare   fails when it is applied to a graph
 *     invoke    takes every float ADD and fails when it runs
 *     crash     takes the process down
 *
 * The structures below are the head of TFLite's C interface (core/c/common.h), as far as they are used.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int size; int data[]; } IntArray;
typedef struct Context Context;
typedef struct Delegate Delegate;

typedef struct {
    int type;
    union { float *f; void *raw; } data;
    IntArray *dims;
    float scale;
    int32_t zero_point;
    int allocation_type;
    size_t bytes;
    const void *allocation;
    const char *name;
    Delegate *delegate;
    int buffer_handle;
    _Bool data_is_stale, is_variable;
    int quantization_type;
    void *quantization;
    void *sparsity;
    const IntArray *dims_signature;
} Tensor; /* whole, since the context holds an array of them */

typedef struct { IntArray *inputs, *outputs, *intermediates, *temporaries; void *user_data; } Node;

typedef struct {
    void *(*init)(Context *, const char *, size_t);
    void (*free)(Context *, void *);
    int (*prepare)(Context *, Node *);
    int (*invoke)(Context *, Node *);
    const char *(*profiling_string)(const Context *, const Node *);
    int32_t builtin_code;
    const char *custom_name;
    int version;
    void *later[8]; /* fields that newer runtimes read: all zero */
} Registration;

struct Context {
    size_t tensors_size;
    int (*GetExecutionPlan)(Context *, IntArray **);
    Tensor *tensors;
    void *impl;
    void *ResizeTensor, *ReportError, *AddTensors;
    int (*GetNodeAndRegistration)(Context *, int, Node **, Registration **);
    int (*ReplaceNodeSubsetsWithDelegateKernels)(Context *, Registration, const IntArray *, Delegate *);
    /* more follows */
};

struct Delegate {
    void *data;
    int (*Prepare)(Context *, Delegate *);
    void *CopyFromBufferHandle, *CopyToBufferHandle, *FreeBufferHandle;
    int64_t flags;
    void *opaque_delegate_builder;
    char mode[16];
};

typedef struct { Delegate *delegate; IntArray *nodes_to_replace, *input_tensors, *output_tensors; } Params;

typedef struct { int count; int fails; struct { int a, b, y; } adds[16]; } Piece;

enum { OK = 0, ERROR = 1, FLOAT32 = 1, BUILTIN_ADD = 0 };

static void *piece_init(Context *context, const char *buffer, size_t length) {
    const Params *params = (const Params *)buffer;
    Piece *piece = calloc(1, sizeof *piece);
    (void)length;
    piece->fails = strcmp(params->delegate->mode, "invoke") == 0;
    for (int i = 0; i < params->nodes_to_replace->size && i < 16; i++) {
        Node *node;
        Registration *registration;
        context->GetNodeAndRegistration(context, params->nodes_to_replace->data[i], &node, &registration);
        piece->adds[i].a = node->inputs->data[0];
        piece->adds[i].b = node->inputs->data[1];
        piece->adds[i].y = node->outputs->data[0];
        piece->count++;
    }
    return piece;
}

static void piece_free(Context *context, void *piece) {
    (void)context;
    free(piece);
}

static int piece_prepare(Context *context, Node *node) {
    (void)context, (void)node;
    return OK;
}

static int piece_invoke(Context *context, Node *node) {
    const Piece *piece = node->user_data;
    if (piece->fails) return ERROR;
    for (int i = 0; i < piece->count; i++) {
        const Tensor *a = &context->tensors[piece->adds[i].a];
        const Tensor *b = &context->tensors[piece->adds[i].b];
        Tensor *y = &context->tensors[piece->adds[i].y];
        for (size_t at = 0; at < y->bytes / sizeof(float); at++) y->data.f[at] = a->data.f[at] + b->data.f[at];
    }
    return OK;
}

static int delegate_prepare(Context *context, Delegate *delegate) {
    if (strcmp(delegate->mode, "prepare") == 0) return ERROR;
    if (strcmp(delegate->mode, "none") == 0) return OK;
    IntArray *plan;
    if (context->GetExecutionPlan(context, &plan) != OK) return ERROR;
    IntArray *taken = calloc(1, sizeof(IntArray) + plan->size * sizeof(int));
    for (int i = 0; i < plan->size; i++) {
        Node *node;
        Registration *registration;
        context->GetNodeAndRegistration(context, plan->data[i], &node, &registration);
        if (registration->builtin_code == BUILTIN_ADD &&
            context->tensors[node->outputs->data[0]].type == FLOAT32)
            taken->data[taken->size++] = plan->data[i];
    }
    Registration kernel = {piece_init, piece_free, piece_prepare, piece_invoke, NULL, 0, "Double", 1, {0}};
    int status = context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, taken, delegate);
    free(taken);
    return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
    const char *mode = "add";
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i], "mode") == 0) mode = values[i];
    if (strcmp(mode, "crash") == 0) abort();
    if (strcmp(mode, "silent") == 0) return NULL;
    if (strcmp(mode, "refuse") == 0) {
        report("no such device");
        return NULL;
    }
    Delegate *delegate = calloc(1, sizeof *delegate);
    delegate->Prepare = delegate_prepare;
    strncpy(delegate->mode, mode, sizeof delegate->mode - 1);
    return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
