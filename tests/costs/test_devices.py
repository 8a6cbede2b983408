import pytest

from autoarch.costs import LatencyTable, load_profile, model_costs, profile_names
from autoarch.costs.constraints import Constraints
from autoarch.errors import InvalidInputError
from autoarch.spaces import SPACES


def test_profiles_that_come_along():
    assert set(profile_names()) == {"microcontroller", "phone", "raspberry-pi", "server-cpu"}
    for name in profile_names():
        profile = load_profile(name)
        assert profile.name == name and profile.description
    limits = load_profile("microcontroller").limits
    assert limits.max_ram <= 256_000 and limits.max_size <= 1_000_000


def test_microcontrollers_run_all_that_the_mobile_space_needs():
    profile = load_profile("microcontroller")
    for space in SPACES.values():
        network = space((32, 32, 3), 10, width=8).candidate({}).architecture
        assert profile.missing_ops(network) == frozenset()


def test_a_profile_of_ones_own(tmp_path):
    LatencyTable({"softmax 3": 1e-6}, 0.0, "board").to_csv(tmp_path / "board.csv")
    path = tmp_path / "board.toml"
    path.write_text(
        'description = "Camera board"\n[limits]\nmax_size = "1.5MB"\nmax_ram = 2_000\n'
        'max_macs = 5000000\nmax_latency = "20 ms"\n[ops]\nruns = ["conv_2d"]\n'
        '[latency]\ntable = "board.csv"\n'
    )
    profile = load_profile(path)
    assert profile.name == "board" and profile.description == "Camera board"
    assert profile.limits == Constraints(
        max_size=1_500_000, max_ram=2_000, max_macs=5_000_000, max_latency=0.02
    )
    assert profile.latency.seconds == {"softmax 3": 1e-6}
    network = SPACES["mobile"]((8, 8, 1), 3, width=4).candidate({}).architecture
    kinds = {op.kind for op in model_costs(network).lite_graph.ops}
    assert profile.missing_ops(network) == kinds - {"conv_2d"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits = 3\n", "`limits` must be a section"),
        ("[limits]\nmax_size = '3 bananas'\n", "`max_size` must be a positive amount.*bananas"),
        ("[limits]\nmax_size = -1\n", "`max_size` must be a positive amount.*-1"),
        ("[limits]\nmax_macs = 0\n", "`max_macs` must be a positive amount.*0"),
        ("[limits]\nmax_ram = true\n", "`max_ram` must be a positive amount.*True"),
        ("[limits]\nmax_latency = '5 MB'\n", "`max_latency` must be a positive amount"),
        ("[limits]\nmax_weight = 1\n", "unknown entry 'max_weight'"),
        ("limit = 1\n", "unknown entry 'limit'"),
        ("[ops]\nruns = 'all'\n", "`ops.runs` must be a list of names"),
        ("[latency]\ntable = 1\n", "`latency.table` must name a CSV file"),
        ("[latency]\ntable = 'none.csv'\n", "cannot be read"),
        ("description = 'a\n", "is not TOML"),
        ("description = 3\n", "`description` must be one line"),
    ],
)
def test_malformed_profiles_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "board.toml"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=message) as caught:
        load_profile(path)
    assert "\n" not in str(caught.value)


def test_an_unknown_profile_names_those_that_exist():
    with pytest.raises(InvalidInputError, match=r"'toaster'.*microcontroller, phone"):
        load_profile("toaster")
