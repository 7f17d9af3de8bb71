"""What was found of near duplicates, in numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NearReport:
    """What was found of near duplicates.

    Attributes:
        distance: most bits of 256 in which a member differs from its representative.
        tone: most levels of 255 by which any of its 108 mean colours does.
        compared: number of distinct images compared.
        apart: number of those that cannot be, by why.
        pairs: pairs found alike.
        crowded: buckets so large that they were divided before they were compared.
        cut: buckets in which an image was not compared with all others.
        clusters: clusters of two or more distinct images.
        clustered: distinct images in these.
        sizes: how many clusters have how many images.
        largest: size of the largest.
        blocked: images that found their cluster full and began another.
        products: products that show one of these images.
        conflicting_clusters: clusters of products with different labels.
        newly_conflicting: those of these in which no single image is on products of two leaves.
        conflicting_products: labelled products of conflicting clusters.
    """

    distance: int
    tone: int
    compared: int
    apart: dict[str, int]
    pairs: int
    crowded: int
    cut: int
    clusters: int
    clustered: int
    sizes: dict[int, int]
    largest: int
    blocked: int
    products: int
    conflicting_clusters: int
    newly_conflicting: int
    conflicting_products: int
