"""The bundled networks, judged: figures that are known by hand, and the same however the work is divided."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgemm
from edgemm import data
from edgemm.data.scenes import stills
from edgemm.errors import InputError
from edgemm.judge import pieces
from edgemm.judge.figures import accuracy, confusion, mistakes, mistakes_told, same_answers
from edgemm.judge.judgement import Judging, Plan, figure_names, judge
from edgemm.judge.pieces import answer_pieces, close_judged, data_facts, model_facts, run_piece
from edgemm.judge.samples import Facts, read_samples
from edgemm.judge.transcription import edits

DIGITS, KEYWORDS = data.path("models/digits.onnx"), data.path("models/keywords.onnx")
QUICK: dict[str, Any] = {"runs": 0, "maps": 0}


def by_hand(limit: int) -> list[str]:
    """What the network answers to some of the bundled pictures."""
    images, _ = data.digits()
    with edgemm.load(DIGITS) as model:
        return [model(images[int(at)]).labels[0] for at in np.linspace(0, 999, limit).astype(int)]  # type: ignore[attr-defined]


def test_accuracy_of_the_bundled_digits_as_counted_by_hand() -> None:
    content = judge(
        [Judging(str(DIGITS))], Plan(str(data.path("digits/held_out.npz")), samples=200, spoilt=0, **QUICK)
    )
    _, labels = data.digits()
    truths = [str(labels[int(at)]) for at in np.linspace(0, 999, 200).astype(int)]
    answers = by_hand(200)
    right = sum(one == other for one, other in zip(answers, truths, strict=True))
    (told,) = content["models"]
    assert told["accuracy"]["value"] == right / 200
    assert told["accuracy"]["samples"] == 200
    matrix = np.array(told["accuracy"]["confusion"]["matrix"])
    assert told["accuracy"]["confusion"]["labels"] == list("0123456789")
    for truth in range(10):
        for answer in range(10):
            pairs = [
                (t, a) for t, a in zip(truths, answers, strict=True) if (t, a) == (str(truth), str(answer))
            ]
            assert matrix[truth, answer] == len(pairs)
    wrong = [at for at, pair in enumerate(zip(answers, truths, strict=True)) if pair[0] != pair[1]]
    assert {each["sample"] for each in told["accuracy"]["worst"]} == set(wrong)
    assert content["metric"] == {"name": "top-1", "unit": "share", "higher_is_better": True}


def test_words_of_the_bundled_recordings_and_what_spoils_them() -> None:
    plan = Plan(str(data.path("spoken_digits")), spoilt=5, other=str(data.path("spoken_digits")), **QUICK)
    (told,) = judge([Judging(str(KEYWORDS))], plan)["models"]
    assert told["accuracy"]["value"] == 1.0
    assert told["generalization"]["other"]["value"] == 1.0
    curves = told["generalization"]["corruptions"]
    assert curves.keys() == {"noise", "reverberation", "speed", "gain"}
    assert all(len(each) == 6 and each[0] == 1.0 for each in curves.values())
    assert curves["noise"][5] <= 0.4 < curves["noise"][1]
    assert told["generalization"]["mean"] == pytest.approx(np.mean([each[1:] for each in curves.values()]))
    assert told["figures"]["corrupted"] == told["generalization"]["mean"]
    assert told["compute"]["macs"] is None


def test_figures_are_the_same_alone_and_in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for per_piece, jobs in ((64, 1), (7, 2)):
        monkeypatch.setattr(pieces, "PER_PIECE", per_piece)
        plan = Plan(str(data.path("digits")), spoilt=10, jobs=jobs, **QUICK)
        (told,) = judge([Judging(str(DIGITS))], plan)["models"]
        made.append(json.dumps({key: told[key] for key in ("accuracy", "generalization")}))
    assert made[0] == made[1]


def test_what_is_in_the_file_of_rows_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tmp_path / "rows.jsonl"
    plan = Plan(str(data.path("digits")), spoilt=4, rows=rows, **QUICK)
    first = judge([Judging(str(DIGITS))], plan)
    lines = rows.read_text().splitlines()
    assert len(lines) == 1 + 1 + 25

    def asked_again(*_: object) -> None:
        raise AssertionError("it is done already")

    monkeypatch.setattr(pieces.Judged, "answer", asked_again)
    assert judge([Judging(str(DIGITS))], plan) == first


def test_a_row_depends_on_the_seed_alone() -> None:
    model, found = model_facts(DIGITS), data_facts(data.path("digits"), limit=6)
    (one,), (again,), (other,) = (answer_pieces(model, found, 6, seed, ("noise", 5)) for seed in (1, 1, 2))
    try:
        assert run_piece(one) == run_piece(json.loads(json.dumps(again)))
        assert one != other
    finally:
        close_judged()


def test_noise_of_a_sample_does_not_depend_on_the_piece_that_it_is_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []
    original = pieces.read_spoilt

    def watched(*given: Any) -> Any:
        found = original(*given)
        seen.append(found[0].pixels.tolist())
        return found

    monkeypatch.setattr(pieces, "read_spoilt", watched)
    model, found = model_facts(DIGITS), data_facts(data.path("digits"), limit=6)
    for per_piece in (6, 2):
        monkeypatch.setattr(pieces, "PER_PIECE", per_piece)
        for each in answer_pieces(model, found, 6, 0, ("noise", 3)):
            run_piece(each)
    close_judged()
    assert seen[:6] == seen[6:]
    assert len({json.dumps(each) for each in seen}) == 6


def test_each_sample_has_noise_of_its_own(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.full((4, 28, 28), 128, np.uint8), labels=np.zeros(4, np.int64))
    samples = read_samples(tmp_path / "x.npz", Facts("classification", "image", tuple("0123456789"))).samples
    model, found = model_facts(DIGITS), data_facts(tmp_path / "x.npz", limit=4)
    seen = [pieces.read_spoilt(each, "image", ("noise", 3), [0, at])[0] for at, each in enumerate(samples)]
    assert len({each.pixels.tobytes() for each in seen}) == 4
    with pieces.open_judged(model) as judged:
        asked: list[Any] = []
        network = judged.model
        listening = replace(judged, model=lambda frame: (asked.append(frame), network(frame))[1])  # type: ignore[arg-type,func-returns-value]
        for at in range(4):
            listening.answer(pieces.open_data(found, judged.facts), at, ("noise", 3), 0)
    close_judged()
    assert [each.pixels.tobytes() for each in asked] == [each.pixels.tobytes() for each in seen]


def test_a_detector_is_judged_by_its_unsure_boxes_too() -> None:
    with pieces.open_judged(model_facts(data.path("models/scene_detector.onnx"))) as judged:
        assert judged.model.card.recipe.threshold == 0.05
    close_judged()


def test_maps_of_the_digits_mean_something() -> None:
    (told,) = judge([Judging(str(DIGITS))], Plan(str(data.path("digits")), spoilt=0, maps=4, runs=0))[
        "models"
    ]
    score = told["interpretability"]["score"]
    assert score["samples"] == 4
    assert score["deletion"] < score["random_deletion"] - 0.2
    assert len(told["interpretability"]["drawn"]) == 4
    assert told["interpretability"]["drawn"][0]["svg"].startswith("<svg")


def test_the_most_confident_mistakes_have_maps_of_the_wrong_answers() -> None:
    """Of the 1,000 pictures these three are wrong with the highest scores; maps of them are beside those of samples."""
    plan = Plan(str(data.path("digits/held_out.npz")), spoilt=0, maps=3, runs=0)
    (told,) = judge([Judging(str(DIGITS))], plan)["models"]
    maps = told["interpretability"]["mistakes"]
    images, labels = data.digits()
    with edgemm.load(DIGITS) as model:
        for each in maps:
            answer: Any = model(images[each["sample"]])
            assert each["answer"] == answer.label != str(labels[each["sample"]]) == each["truth"]
            assert f"<title>{answer.label} ({answer.score:.2f}), masks</title>" in each["svg"]
    assert [each["sample"] for each in maps] == [
        each["sample"] for each in told["accuracy"]["confident_mistakes"][:3]
    ]
    assert maps[0]["score"] > maps[1]["score"] > maps[2]["score"] > 0.9
    assert told["interpretability"]["score"]["samples"] == 3  # mistakes are no sample of the data


def test_no_more_than_four_mistakes_have_maps_and_none_without_mistakes() -> None:
    plan = Plan(str(data.path("spoken_digits")), spoilt=0, maps=2, runs=0)
    (told,) = judge([Judging(str(KEYWORDS))], plan)["models"]
    assert told["interpretability"]["mistakes"] == []
    answers = [{**said("a", "b", 0.9 - at / 100), "name": str(at)} for at in range(6)]
    rows = [{"name": "4", "svg": "<svg"}, {"name": "1", "svg": "<svg"}, {"name": "0", "left_out": "why"}]
    assert [each["name"] for each in mistakes_told(answers, rows)] == ["1", "4"]


def test_models_of_several_tasks_are_refused_before_anything_is_done() -> None:
    with pytest.raises(InputError, match="models of one task"):
        judge([Judging(str(DIGITS)), Judging(str(KEYWORDS))], Plan("nowhere", **QUICK))
    with pytest.raises(InputError, match="at least one model"):
        judge([], Plan("nowhere"))


def test_a_model_without_a_task_is_refused(tmp_path: Path) -> None:
    from edgemm.artifact import replace_card

    bare = tmp_path / "bare.onnx"
    bare.write_bytes(DIGITS.read_bytes())
    replace_card(bare, None)
    with pytest.raises(InputError, match="has a metric"):
        judge([Judging(str(bare))], Plan(str(data.path("digits")), **QUICK))
    card = tmp_path / "digits.card.json"
    with edgemm.load(DIGITS) as model:
        card.write_text(model.card.with_(payload_sha256="").to_json())
    plan = Plan(str(data.path("digits")), spoilt=0, **QUICK)
    (told,) = judge([Judging(str(bare), str(card))], plan)["models"]
    assert told["accuracy"]["value"] == 0.975


def test_a_damaged_picture_ends_the_judgement_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "bad.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"bad\.png"):
        judge([Judging(str(DIGITS))], Plan(str(tmp_path), spoilt=0, **QUICK))


def scenes(folder: Path, count: int = 4) -> tuple[Path, Path]:
    """The same pictures with boxes as YOLO has them, and with masks."""
    import cv2

    boxes, masks = folder / "boxes", folder / "masks"
    for each in (boxes / "images", boxes / "labels", masks / "images", masks / "masks"):
        each.mkdir(parents=True)
    for at, scene in enumerate(stills(*data.digits(), 3, count)):
        height, width = scene.pixels.shape[:2]
        for each in (boxes, masks):
            cv2.imwrite(str(each / "images" / f"{at}.png"), scene.pixels[:, :, ::-1])
        cv2.imwrite(str(masks / "masks" / f"{at}.png"), scene.mask)
        left, top, right, bottom = (scene.boxes_xyxy / [width, height, width, height]).T
        rows = zip(
            scene.class_ids, (left + right) / 2, (top + bottom) / 2, right - left, bottom - top, strict=True
        )
        lines = [" ".join(map(str, row)) for row in rows]
        (boxes / "labels" / f"{at}.txt").write_text("\n".join(lines))
    (boxes / "classes.txt").write_text("\n".join("0123456789"))
    return boxes, masks


def test_boxes_and_masks_of_scenes_as_their_metrics_tell(tmp_path: Path) -> None:
    boxes, masks = scenes(tmp_path)
    truths = list(stills(*data.digits(), 3, 4))
    for name, folder, least in (("scene_detector", boxes, 0.5), ("scene_segmenter", masks, 0.3)):
        file = data.path(f"models/{name}.onnx")
        (told,) = judge([Judging(str(file))], Plan(str(folder), spoilt=2, **QUICK))["models"]
        options: dict[str, Any] = {"threshold": 0.05} if name == "scene_detector" else {}
        with edgemm.load(file, **options) as model:
            of_task = edgemm.judge.metric(model.card.task)
            for scene in truths:
                right = (
                    edgemm.judge.TrueBoxes(scene.boxes_xyxy.astype(np.float64), scene.class_ids)
                    if options
                    else edgemm.judge.TrueClasses(scene.mask)
                )
                of_task.add(model(scene.pixels), right)
        assert told["accuracy"]["value"] == pytest.approx(of_task.value(), abs=1e-6)
        assert of_task.value() >= least
        low, high = told["accuracy"]["interval"]
        assert 0 <= low <= told["accuracy"]["value"] <= high <= 1
        assert ("rotation" in told["generalization"]["left_out"]) == (name == "scene_detector")
        assert len(told["generalization"]["corruptions"]["noise"]) == 6


def test_a_bundle_and_a_writer_are_judged(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("source\ttarget\n12\ttwelve\n7\tnine\n")
    bundles = [Judging(str(data.path(f"models/written_numbers.{kind}.zip"))) for kind in ("onnx", "tflite")]
    content = judge(bundles, Plan(str(pairs), spoilt=0, runs=2, maps=2))
    for told in content["models"]:
        assert told["accuracy"]["exact"] == 0.5
        assert told["compute"]["runs"] == 2
        assert told["storage"]["file_bytes"] == Path(told["file"]).stat().st_size
        assert "one file" in told["interpretability"]["why"]
    (tmp_path / "said").mkdir()
    for word in ("one", "two"):
        (tmp_path / "said" / f"{word}.wav").write_bytes(data.path(f"spoken_digits/{word}.wav").read_bytes())
        (tmp_path / "said" / f"{word}.txt").write_text(word)
    writer = Judging(str(data.path("models/digits_ctc.int8.onnx")))
    (told,) = judge([writer], Plan(str(tmp_path / "said"), spoilt=2, **QUICK))["models"]
    with edgemm.load(writer.path) as model:
        heard: Any = [model(samples, sample_rate=rate) for word, samples, rate in data.spoken_digits()[1:3]]
    wrong = [edits(each.text.split(), [word]) for each, word in zip(heard, ("one", "two"), strict=True)]
    assert told["accuracy"]["value"] == pytest.approx(sum(wrong) / 2)


def test_names_of_figures_that_constraints_may_have() -> None:
    assert figure_names(Judging(str(DIGITS)))[:4] == ("top_1", "accuracy", "other", "corrupted")
    assert figure_names(Judging(str(KEYWORDS)))[:2] == ("accuracy", "other")
    writer = Judging(str(data.path("models/digits_ctc.int8.onnx")))
    assert figure_names(writer)[:3] == ("word_error", "exact", "other")
    close_judged()


def said(truth: str, answer: str, score: float = 0.5) -> dict[str, Any]:
    return {"truth": truth, "answer": answer, "score": score, "counts": [float(truth == answer), 1.0],
            "alone": float(truth == answer), "name": "x"}  # fmt: skip


def test_confusion_by_hand() -> None:
    answers = [said("a", "a"), said("a", "b"), said("b", "b"), said("", "b"), said("b", "z"), said("a", "b")]
    found = confusion(answers, ["b", "a", "c"])
    assert found == {
        "labels": ["b", "a", "(none)", "z"],
        "matrix": [[1, 0, 0, 1], [2, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]],
    }
    assert confusion([said(str(at), "0") for at in range(65)], []) is None


def test_mistakes_are_told_from_the_surest_on() -> None:
    answers = [said("a", "b", 0.3), said("a", "a", 0.99), said("b", "a", 0.9), said("c", "a", 0.9)]
    assert [each["sample"] for each in mistakes(answers)] == [2, 3, 0]
    assert "counts" not in mistakes(answers)[0]


def test_one_class_alone_and_nothing_wrong() -> None:
    found = accuracy("classification", [said("a", "a")] * 4, 0, ["a", "b"])
    assert found["confusion"] == {"labels": ["a"], "matrix": [[4]]}
    assert (found["value"], found["worst"], found["confident_mistakes"]) == (1.0, [], [])


def test_a_figure_that_is_better_when_lower_has_its_highest_as_the_worst() -> None:
    texts = {"answer": "One, two.", "truth": "one two"}
    answers = [
        {"counts": [wrong, 4.0], "alone": wrong / 4, "name": str(wrong)} | texts for wrong in (1.0, 0.0, 3.0)
    ]
    answers[0]["truth"] = "one two three"
    found = accuracy("transcription", answers, 0)
    assert [each["name"] for each in found["worst"]] == ["3.0", "1.0"]
    assert found["value"] == pytest.approx(4 / 12)
    assert found["confusion"] is None
    assert found["exact"] == pytest.approx(2 / 3)


def test_answers_alike_are_counted() -> None:
    one, other = [said("a", "a"), said("a", "b")], [said("a", "a"), said("a", "a")]
    assert same_answers(one, other) == 0.5
    assert same_answers([{"counts": []}], [{"counts": []}]) is None


def test_pieces_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="expected one of answers, map"):
        run_piece({"what": "tea"})
    (piece,) = answer_pieces(model_facts(DIGITS), data_facts(data.path("digits"), limit=4), 4, 0)
    with pytest.raises(InputError, match="samples of 0 to 4"):
        run_piece({**piece, "samples": [0, 5]})
    close_judged()
