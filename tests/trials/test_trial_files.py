import os
import stat

import numpy as np
import pytest

from autoarch.errors import RunDirectoryError
from autoarch.trials import RunDirectory, load_arrays, save_arrays


def test_arrays_round_trip_in_order(tmp_path):
    weights = [np.arange(i + 1, dtype=np.float32) for i in range(12)]
    save_arrays(tmp_path / "a.npz", weights=weights, optimizer=[np.int64(7)])
    loaded = load_arrays(tmp_path / "a.npz")
    assert all((a == b).all() for a, b in zip(loaded["weights"], weights, strict=True))
    assert loaded["optimizer"][0] == 7
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_objects_are_neither_stored_nor_loaded(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        save_arrays(tmp_path / "a.npz", weights=[np.array([{}], dtype=object)])
    assert not (tmp_path / "a.npz").exists()


def test_a_run_does_not_take_a_directory_that_holds_something_else(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunDirectoryError, match="holds something else"):
        RunDirectory(tmp_path).create({})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_that_was_killed_while_it_was_made_is_made(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.checkpoints.mkdir(parents=True)
    (run.root / "run.json.part").write_text('{"seed')
    run.create({"seed": 3})
    assert run.settings() == {"seed": 3}
    assert {path.name for path in run.root.iterdir()} == {"checkpoints", "run.json"}


def test_checkpoints_of_others_are_no_run_of_ours(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.checkpoints.mkdir(parents=True)
    (run.checkpoints / "model.ckpt").touch()
    with pytest.raises(RunDirectoryError, match="holds something else"):
        run.create({})


def test_a_run_does_not_replace_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match="is a file"):
        RunDirectory(tmp_path / "file").create({})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_write_permission_is_one_line(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        RunDirectory(tmp_path / "run").create({})


def test_settings_round_trip_and_what_is_no_run_is_named(tmp_path):
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(RunDirectoryError, match="not the directory of a run"):
        run.settings()
    run.create({"seed": 3})
    assert run.exists() and run.settings() == {"seed": 3}
    with pytest.raises(RunDirectoryError, match="has not come that far"):
        run.read_json(run.result_file)


def test_one_process_at_a_time(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create({})
    with run.lock(), pytest.raises(RunDirectoryError, match="Another process"):
        run.lock()
    run.lock().close()
