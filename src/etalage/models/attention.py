"""Learned fusion: which of a product's images matter for what.

Both fusions begin as the mean of the features, whitened where they were prepared: without anything
learned they answer as it does. An image is told apart by its rank and by how many images its
product has; both are embedded, and from ``RANKS`` on they share an embedding.
"""

import torch
from torch import Tensor, nn

from etalage.models.places import Places, means, softmax, sums
from etalage.models.whitening import Whitening

RANKS = 8
"""Ranks, and numbers of images, that have an embedding of their own; the last is for all above."""

_PACE = 20.0
"""How much faster a sharpness is learned than other parameters."""


class Position(nn.Module):
    """Embeds the rank of an image and the number of images of its product."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rank = nn.Embedding(RANKS, width)
        self.count = nn.Embedding(RANKS, width)
        for embedding in (self.rank, self.count):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, places: Places) -> Tensor:
        """Return a vector for each image, (N, width)."""
        counts = places.images()[places.product] - 1
        last = RANKS - 1
        rank: Tensor = self.rank(places.rank.clamp(max=last))
        count: Tensor = self.count(counts.clamp(max=last))
        return rank + count


class Pooling(nn.Module):
    """Learned queries draw vectors from the images of each product, by attention."""

    def __init__(self, width: int, heads: int, points: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries = nn.Parameter(torch.randn(points, width) / width**0.5)
        self.keys_values = nn.Linear(width, 2 * width)
        self.after = Mixing(width)

    def forward(self, images: Tensor, places: Places) -> Tensor:
        """Return (P, points, width) from images (N, width)."""
        points, width = self.queries.shape
        each = width // self.heads
        keys, values = self.keys_values(images).view(-1, 1, self.heads, 2 * each).chunk(2, -1)
        queries = self.queries.view(points, self.heads, each)
        scores = (keys * queries).sum(-1) / each**0.5
        shares = softmax(scores.flatten(1), places).view(-1, points, self.heads, 1)
        drawn = sums((shares * values).flatten(1), places).view(-1, points, width)
        answer: Tensor = self.after(self.queries + drawn)
        return answer


class Looking(nn.Module):
    """Every image looks, by attention, at the vectors of its product."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries = nn.Linear(width, width)
        self.keys_values = nn.Linear(width, 2 * width)
        self.after = Mixing(width)

    def forward(self, images: Tensor, gathered: Tensor, places: Places) -> Tensor:
        """Return (N, width) from images (N, width) and products' vectors (P, points, width)."""
        points, each = gathered.shape[1], images.shape[1] // self.heads
        both = self.keys_values(gathered).view(-1, points, self.heads, 2 * each)
        keys, values = both[places.product].chunk(2, -1)
        queries = self.queries(images).view(-1, 1, self.heads, each)
        shares = ((keys * queries).sum(-1, keepdim=True) / each**0.5).softmax(1)
        answer: Tensor = self.after(images + (shares * values).sum(1).flatten(1))
        return answer


class Mixing(nn.Module):
    """What follows each attention of a transformer: norm, two layers added to it, norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.layers = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.after = nn.LayerNorm(width)

    def forward(self, values: Tensor) -> Tensor:
        """Return (..., width) from as much."""
        values = self.before(values)
        answer: Tensor = self.after(values + self.layers(values))
        return answer


class AttentionFusion(nn.Module):
    """Gated attention over a product's images, with heads that look at parts of the features.

    Source: Ilse, Tomczak and Welling 2018, Attention-based deep multiple instance learning. Each of
    the ``heads`` weighs the images for one stretch of the features, so that one image can give the
    pattern and another the shape. Each feature has a sharpness besides: images in which it is large
    weigh more in it, up to the largest alone (Lee, Gallagher and Tu 2016, Generalizing pooling
    functions). As long as no image is preferred and nothing is sharpened it is the mean.

    Args:
        features: width F of an image's features.
        hidden: width of the gated layer.
        heads: how many stretches of the features are weighed apart.
    """

    def __init__(self, features: int, *, hidden: int = 128, heads: int = 8) -> None:
        super().__init__()
        self.width = features
        self.whiten = Whitening(features)
        self.norm = nn.LayerNorm(features)
        self.content = nn.Linear(features, hidden)
        self.gate = nn.Linear(features, hidden)
        self.position = Position(hidden)
        self.score = nn.Linear(hidden, heads, bias=False)
        nn.init.zeros_(self.score.weight)
        self.sharpness = nn.Parameter(torch.zeros(features))

    def forward(self, features: Tensor, places: Places) -> Tensor:
        """Weigh features (N, F) by product; return (P, F), zeros where no image."""
        features = self.whiten(features)
        seen, where = self.norm(features), self.position(places)
        content = torch.tanh(self.content(seen) + where)
        scores = self.score(content * torch.sigmoid(self.gate(seen) + where))
        stretch = -(-self.width // scores.shape[1])
        wide = scores.unsqueeze(2).expand(-1, -1, stretch).flatten(1)[:, : self.width]
        weights = softmax(wide + _PACE * self.sharpness * features, places)
        return sums(features * weights, places)


class SetFusion(nn.Module):
    """A small set transformer over a product's images, added to their mean.

    Source: Lee et al. 2019, Set transformer: an induced set attention block, then pooling by
    attention. ``points`` learned queries gather what the product's images show, every image looks
    at what was gathered, and one more query draws the product's vector from the images. So its
    cost grows with the number of images and not with its square.

    Args:
        features: width F of an image's features.
        hidden: width of the transformer.
        heads: of its attention.
        points: learned queries.
    """

    def __init__(
        self, features: int, *, hidden: int = 128, heads: int = 4, points: int = 4
    ) -> None:
        super().__init__()
        self.width = features
        self.whiten = Whitening(features)
        self.enter = nn.Sequential(nn.LayerNorm(features), nn.Linear(features, hidden))
        self.position = Position(hidden)
        self.gather = Pooling(hidden, heads, points)
        self.look = Looking(hidden, heads)
        self.pool = Pooling(hidden, heads, 1)
        self.leave = nn.Linear(hidden, features)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, features: Tensor, places: Places) -> Tensor:
        """Fuse features (N, F) by product; return (P, F), zeros where no image."""
        features = self.whiten(features)
        images = self.enter(features) + self.position(places)
        images = self.look(images, self.gather(images, places), places)
        shown = (places.images() > 0).unsqueeze(1)
        learned: Tensor = self.leave(self.pool(images, places).squeeze(1))
        return means(features, places) + learned * shown
