/* A camera without a camera: preloaded, it answers for one V4L2 device file, with frames at a steady rate.
 *
 *   V4L2_DOUBLE=/path/of/device LD_PRELOAD=./v4l2_double.so program
 *
 * The file must exist; what opens it gets a file descriptor whose ioctls are answered here. YUYV, 640x480 (any size is
 * asked for, and this one given), 30 frames a second or what is asked for. The brightness of a frame is its number
 * modulo 200. A buffer is stamped with CLOCK_MONOTONIC when its frame is exposed and handed over 5 ms later; a frame
 * without a queued buffer is lost, as in a real driver. When the file V4L2_DOUBLE.unplugged exists, every call fails
 * with ENODEV, as after an unplug; while V4L2_DOUBLE.stalls exists, no frame comes; while V4L2_DOUBLE.hangs exists, a
 * call that takes a frame does not return. While V4L2_DOUBLE.mjpg exists, the camera is one of motion JPEG, and each
 * frame is what stands in that file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 4096, WIDTH = 640, HEIGHT = 480, BYTES = WIDTH * HEIGHT * 2, MOST = 8, DELAY_NS = 5000000 };
enum state { IDLE, QUEUED, DONE };

static char ours[FILES];
static int owner = -1; /* the file that has the buffers: others are told that the camera is busy */

static struct {
    int count;
    int fps;
    int streaming;
    unsigned sequence;
    unsigned char *memory[MOST];
    enum state state[MOST];
    struct timespec stamp[MOST];
    unsigned number[MOST];
    unsigned used[MOST];
    int order[MOST];
    int queued;
    struct timespec next;
} camera = {.fps = 30};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int flag(const char *suffix)
{
    char path[4096];
    const char *device = getenv("V4L2_DOUBLE");
    if (!device)
        return 0;
    snprintf(path, sizeof path, "%s.%s", device, suffix);
    return access(path, F_OK) == 0;
}

static long long nanoseconds(struct timespec t) { return t.tv_sec * 1000000000LL + t.tv_nsec; }

static struct timespec after(struct timespec t, long long ns)
{
    long long sum = nanoseconds(t) + ns;
    return (struct timespec){sum / 1000000000LL, sum % 1000000000LL};
}

/* Bytes of a frame of motion JPEG, taken into `memory`; 0 where the camera is none. */
static unsigned jpeg(unsigned char *memory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.mjpg", getenv("V4L2_DOUBLE"));
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    unsigned used = fread(memory, 1, BYTES, file);
    fclose(file);
    return used;
}

/* Exposes every frame that is due: into the first queued buffer, or into nothing. */
static void expose(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    while (camera.streaming && nanoseconds(camera.next) + DELAY_NS <= nanoseconds(now)) {
        if (camera.queued) {
            int index = camera.order[0];
            memmove(camera.order, camera.order + 1, --camera.queued * sizeof *camera.order);
            camera.used[index] = jpeg(camera.memory[index]);
            if (!camera.used[index]) {
                camera.used[index] = BYTES;
                memset(camera.memory[index], camera.sequence % 200, BYTES);
                for (int chroma = 1; chroma < BYTES; chroma += 2)
                    camera.memory[index][chroma] = 128;
            }
            camera.state[index] = DONE;
            camera.stamp[index] = camera.next;
            camera.number[index] = camera.sequence;
        }
        camera.sequence++;
        camera.next = after(camera.next, 1000000000LL / camera.fps);
    }
}

static int oldest(void)
{
    int found = -1;
    for (int i = 0; i < camera.count; i++)
        if (camera.state[i] == DONE && (found < 0 || camera.number[i] < camera.number[found]))
            found = i;
    return found;
}

static int ready(int timeout_ms)
{
    for (int waited = 0;; waited++) {
        pthread_mutex_lock(&lock);
        expose();
        int found = oldest();
        pthread_mutex_unlock(&lock);
        if (flag("unplugged"))
            return 1;
        if (found >= 0 && !flag("stalls"))
            return 1;
        if (timeout_ms >= 0 && waited >= timeout_ms)
            return 0;
        usleep(1000);
    }
}

static int fail(int code)
{
    errno = code;
    return -1;
}

static void describe(struct v4l2_format *format)
{
    format->fmt.pix = (struct v4l2_pix_format){
        .width = WIDTH, .height = HEIGHT, .field = V4L2_FIELD_NONE,
        .pixelformat = flag("mjpg") ? V4L2_PIX_FMT_MJPEG : V4L2_PIX_FMT_YUYV,
        .bytesperline = flag("mjpg") ? 0 : WIDTH * 2, .sizeimage = BYTES, .colorspace = V4L2_COLORSPACE_SRGB};
}

static void fill(struct v4l2_buffer *buffer, int index)
{
    buffer->index = index;
    buffer->memory = V4L2_MEMORY_MMAP;
    buffer->length = BYTES;
    buffer->bytesused = camera.used[index] ? camera.used[index] : BYTES;
    buffer->m.offset = index * BYTES;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | (camera.state[index] == QUEUED ? V4L2_BUF_FLAG_QUEUED : 0);
    buffer->timestamp.tv_sec = camera.stamp[index].tv_sec;
    buffer->timestamp.tv_usec = camera.stamp[index].tv_nsec / 1000;
    buffer->sequence = camera.number[index];
}

static int answer(int fd, unsigned long request, void *argument)
{
    struct v4l2_buffer *buffer = argument;
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *capability = argument;
        memset(capability, 0, sizeof *capability);
        strcpy((char *)capability->driver, "double");
        strcpy((char *)capability->card, "Camera Double");
        capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUMINPUT:
        return ((struct v4l2_input *)argument)->index ? fail(EINVAL) : 0;
    case VIDIOC_G_INPUT:
        *(int *)argument = 0;
        return 0;
    case VIDIOC_S_INPUT:
        return 0;
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT:
    case VIDIOC_TRY_FMT:
        describe(argument);
        return 0;
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_streamparm *parameters = argument;
        struct v4l2_fract *period = &parameters->parm.capture.timeperframe;
        if (request == VIDIOC_S_PARM && period->numerator && period->denominator)
            camera.fps = period->denominator / period->numerator;
        parameters->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        *period = (struct v4l2_fract){1, camera.fps};
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *asked = argument;
        if (owner >= 0 && owner != fd)
            return fail(EBUSY);
        owner = asked->count ? fd : -1;
        camera.count = asked->count > MOST ? MOST : (int)asked->count;
        asked->count = camera.count;
        camera.queued = 0;
        memset(camera.state, 0, sizeof camera.state);
        return 0;
    }
    case VIDIOC_QUERYBUF:
        fill(buffer, buffer->index);
        return 0;
    case VIDIOC_QBUF:
        expose();
        camera.state[buffer->index] = QUEUED;
        camera.order[camera.queued++] = buffer->index;
        return 0;
    case VIDIOC_DQBUF: {
        expose();
        int found = oldest();
        if (found < 0 || flag("stalls"))
            return fail(EAGAIN);
        camera.state[found] = IDLE;
        fill(buffer, found);
        return 0;
    }
    case VIDIOC_STREAMON:
        clock_gettime(CLOCK_MONOTONIC, &camera.next);
        camera.next = after(camera.next, 1000000000LL / camera.fps);
        camera.streaming = 1;
        return 0;
    case VIDIOC_STREAMOFF:
        if (owner != fd)
            return fail(EBUSY);
        camera.streaming = 0;
        camera.queued = 0;
        memset(camera.state, 0, sizeof camera.state);
        return 0;
    default:
        return fail(EINVAL);
    }
}

static int is_ours(int fd) { return fd >= 0 && fd < FILES && ours[fd]; }

static int opened(const char *path, int fd)
{
    const char *device = getenv("V4L2_DOUBLE");
    if (fd >= 0 && device && !strcmp(path, device)) {
        if (flag("unplugged")) {
            close(fd);
            return fail(ENODEV);
        }
        if (fd < FILES)
            ours[fd] = 1;
    }
    return fd;
}

int open(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    if (!real)
        real = dlsym(RTLD_NEXT, "open");
    va_list rest;
    va_start(rest, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;
    va_end(rest);
    return opened(path, real(path, flags, mode));
}

int open64(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    if (!real)
        real = dlsym(RTLD_NEXT, "open64");
    va_list rest;
    va_start(rest, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;
    va_end(rest);
    return opened(path, real(path, flags, mode));
}

int close(int fd)
{
    static int (*real)(int);
    if (!real)
        real = dlsym(RTLD_NEXT, "close");
    if (is_ours(fd)) {
        ours[fd] = 0;
        if (owner == fd) {
            owner = -1;
            camera.streaming = 0;
        }
    }
    return real(fd);
}

int ioctl(int fd, unsigned long request, ...)
{
    static int (*real)(int, unsigned long, ...);
    if (!real)
        real = dlsym(RTLD_NEXT, "ioctl");
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (!is_ours(fd))
        return real(fd, request, argument);
    if (flag("unplugged"))
        return fail(ENODEV);
    while (request == VIDIOC_DQBUF && flag("hangs"))
        usleep(1000);
    pthread_mutex_lock(&lock);
    int result = answer(fd, request, argument);
    pthread_mutex_unlock(&lock);
    return result;
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    static void *(*real)(void *, size_t, int, int, int, off_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "mmap");
    if (!is_ours(fd))
        return real(address, length, protection, flags, fd, offset);
    void *memory = real(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    camera.memory[offset / BYTES] = memory;
    return memory;
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return mmap(address, length, protection, flags, fd, offset);
}

int select(int count, fd_set *readable, fd_set *writable, fd_set *special, struct timeval *timeout)
{
    static int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
    if (!real)
        real = dlsym(RTLD_NEXT, "select");
    if (!readable || !is_ours(count - 1) || !FD_ISSET(count - 1, readable))
        return real(count, readable, writable, special, timeout);
    return ready(timeout ? (int)(timeout->tv_sec * 1000 + timeout->tv_usec / 1000) : -1);
}

int poll(struct pollfd *files, nfds_t count, int timeout_ms)
{
    static int (*real)(struct pollfd *, nfds_t, int);
    if (!real)
        real = dlsym(RTLD_NEXT, "poll");
    if (count != 1 || !is_ours(files[0].fd))
        return real(files, count, timeout_ms);
    int found = ready(timeout_ms);
    files[0].revents = found ? POLLIN : 0;
    return found;
}
