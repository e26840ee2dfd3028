import numpy as np
import pytest
from sklearn.decomposition import PCA

from tfderm.errors import InputError
from tfderm.metrics import PrincipalSubspace


def flat_features(count, seed):
    """Points near a plane of 20 dimensions."""
    rng = np.random.default_rng(seed)
    plane = np.random.default_rng(0).normal(0, 1, (3, 20))
    return rng.normal(0, 5, (count, 3)) @ plane + rng.normal(0, 0.1, (count, 20)) + 7


def test_distance_is_what_principal_components_leave():
    features, new = flat_features(200, 1), flat_features(50, 2) + np.eye(20)[4]
    subspace = PrincipalSubspace.fit(features)
    assert len(subspace.components) == 3
    pca = PCA(3).fit(features)

    def residual(x):
        return np.sum((x - pca.inverse_transform(pca.transform(x))) ** 2, axis=1)

    np.testing.assert_allclose(subspace.distance(new), residual(new) / residual(features).mean(), rtol=1e-3)
    assert subspace.distance(features).mean() == pytest.approx(1, rel=1e-3)


def test_at_most_32_components_and_fewer_than_features():
    rng = np.random.default_rng(0)
    assert len(PrincipalSubspace.fit(rng.normal(size=(500, 100))).components) == 32
    assert len(PrincipalSubspace.fit(rng.normal(size=(500, 6))).components) == 5


def test_a_file_holds_all_of_it(tmp_path):
    subspace = PrincipalSubspace.fit(flat_features(200, 1))
    subspace.save(tmp_path / "features.npz")
    new = flat_features(20, 3)
    again = PrincipalSubspace.load(tmp_path / "features.npz")
    np.testing.assert_array_equal(again.distance(new), subspace.distance(new))


def test_features_that_say_nothing_are_refused():
    with pytest.raises(InputError, match="images that differ"):
        PrincipalSubspace.fit(np.ones((5, 3)))
