"""What a practitioner writes instead of a feature family: one image at a time, with the usual library.

Every function takes one RGB uint8 image (H, W, 3) and returns its row, at the default options of the family of the
same name in `evenlight.features`, in the order of its columns. `benchmarks/features.py` runs them against each other.
"""

from functools import lru_cache

import cv2
import numpy as np

_FAR, _THIRTEENTHS = np.sqrt(0.5), 13


def _gray(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _hsv(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2HSV)


def _mean_and_std(image: np.ndarray) -> list[float]:
    channels = [image[..., number] for number in range(3)]
    return [channel.mean() for channel in channels] + [channel.std() for channel in channels]


def _shares(values: np.ndarray, bins: int, levels: int) -> np.ndarray:
    return np.histogram(values, bins=bins, range=(0, levels))[0] / values.size


def _hsv_histograms(hsv: np.ndarray) -> np.ndarray:
    bins = ((12, 180), (8, 256), (8, 256))
    return np.concatenate([_shares(hsv[..., number], *pair) for number, pair in enumerate(bins)])


def _quarters(image: np.ndarray) -> list[np.ndarray]:
    middle, center = image.shape[0] // 2, image.shape[1] // 2
    return [
        image[:middle, :center],
        image[:middle, center:],
        image[middle:, :center],
        image[middle:, center:],
    ]


def brightness(image: np.ndarray) -> list[float]:
    """numpy."""
    value, gray = image.max(axis=2), _gray(image)
    return [value.mean(), value.std(), gray.mean(), gray.std(), *np.percentile(value, (5, 25, 50, 75, 95))]


def rgb_stats(image: np.ndarray) -> list[float]:
    """numpy."""
    return _mean_and_std(image)


def scipy_moments(image: np.ndarray) -> list[float]:
    """`scipy.stats.describe` (and 2 more moments)."""
    from scipy.stats import describe

    found = [describe(image[..., number], axis=None, ddof=0) for number in range(3)]
    return [channel.mean for channel in found] + [channel.variance**0.5 for channel in found]


def lab_stats(image: np.ndarray) -> list[float]:
    """OpenCV's Lab, numpy."""
    return _mean_and_std(cv2.cvtColor(image, cv2.COLOR_RGB2Lab))


def hsv_hist(image: np.ndarray) -> np.ndarray:
    """`np.histogram`."""
    return _hsv_histograms(_hsv(image))


def hsv_hist3d(image: np.ndarray) -> np.ndarray:
    """`np.histogramdd`."""
    colors = _hsv(image).reshape(-1, 3)
    counts, _ = np.histogramdd(colors, bins=(8, 4, 4), range=((0, 180), (0, 256), (0, 256)))
    return np.sqrt(counts / len(colors)).ravel()


def hsv_grid(image: np.ndarray) -> np.ndarray:
    """`np.histogram` in every cell."""
    return np.concatenate([_hsv_histograms(cell) for cell in _quarters(_hsv(image))])


def color_range(image: np.ndarray) -> list[float]:
    """`cv2.inRange`."""
    hsv = _hsv(image)
    red = cv2.inRange(hsv, (170, 100, 60), (180, 255, 255)) | cv2.inRange(hsv, (0, 100, 60), (10, 255, 255))
    others = ((20, 100, 60), (35, 255, 255)), ((95, 100, 60), (130, 255, 255)), ((45, 50, 50), (75, 255, 255))
    return [(mask > 0).mean() for mask in (red, *(cv2.inRange(hsv, *limits) for limits in others))]


def thumb(image: np.ndarray) -> np.ndarray:
    """`cv2.resize`."""
    return cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA).ravel()


def hog(image: np.ndarray) -> np.ndarray:
    """`skimage.feature.hog`."""
    from skimage.feature import hog as skimage_hog

    return skimage_hog(_gray(image), orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2))


def sobel(image: np.ndarray) -> np.ndarray:
    """`skimage.filters.sobel`, `np.percentile`, `np.histogram`."""
    from skimage.filters import sobel as skimage_sobel

    gray = _gray(image)
    # scikit-image divides gray levels by 255 and the kernel by 4
    along_x, along_y = (skimage_sobel(gray, axis=axis, mode="mirror") * 1020 for axis in (1, 0))
    magnitude = np.hypot(along_x, along_y)
    sector = np.rint(np.arctan2(along_y, along_x) / (np.pi / 8)) % 8
    directions = np.histogram(sector, bins=8, range=(0, 8), weights=magnitude)[0]
    moments = [np.abs(along_x).mean(), np.abs(along_y).mean(), magnitude.mean(), magnitude.std()]
    return np.concatenate([moments, np.percentile(magnitude, (50, 90, 99)), directions / directions.sum()])


def canny(image: np.ndarray) -> list[float]:
    """`skimage.feature.canny` (other edges).

    It blurs first, and measures gradients by x^2 + y^2.
    """
    from skimage.feature import canny as skimage_canny

    gray, found = _gray(image), []
    for low, high in ((50, 100), (100, 200), (200, 300)):
        edges = skimage_canny(gray, low_threshold=low / 4, high_threshold=high / 4)
        found += [part.mean() for part in (edges, *_quarters(edges))]
    return found


def opencv_canny(image: np.ndarray) -> list[float]:
    """`cv2.Canny`, once for every pair of thresholds."""
    gray, found = _gray(image), []
    for low, high in ((50, 100), (100, 200), (200, 300)):
        edges = cv2.Canny(gray, low, high) > 0
        found += [part.mean() for part in (edges, *_quarters(edges))]
    return found


def fourier(image: np.ndarray) -> np.ndarray:
    """`np.fft.fft2`, `np.bincount`; rings and sectors are known beforehand."""
    window, rings, ring_sizes, sectors = _frequencies(*image.shape[:2])
    gray = _gray(image) / 255
    power = np.abs(np.fft.fft2((gray - gray.mean()) * window)).ravel() ** 2 / gray.size
    radial = np.log(np.bincount(rings, power, _THIRTEENTHS) / ring_sizes + 1e-6)
    power[0] = 0
    angular = np.bincount(sectors, power, 8)
    return np.concatenate([radial, angular / angular.sum()])


@lru_cache(maxsize=4)
def _frequencies(height: int, width: int) -> tuple[np.ndarray, ...]:
    rows, columns = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    rings = np.minimum(np.hypot(rows, columns) / _FAR * _THIRTEENTHS, _THIRTEENTHS - 1).astype(int).ravel()
    sectors = (np.rint(np.arctan2(rows, columns) / (np.pi / 8)).astype(int) % 8).ravel()
    window = np.outer(np.hanning(height), np.hanning(width))
    return window, rings, np.maximum(np.bincount(rings, minlength=_THIRTEENTHS), 1), sectors


def lbp(image: np.ndarray) -> np.ndarray:
    """`skimage.feature.local_binary_pattern`, `np.histogram`."""
    from skimage.feature import local_binary_pattern

    return _shares(local_binary_pattern(_gray(image), 8, 1, method="uniform"), 10, 10)


def harris(image: np.ndarray) -> list[float]:
    """`cv2.cornerHarris`."""
    response = cv2.cornerHarris(_gray(image), 2, 3, 0.04)
    corner = response > max(0.1 * response.max(), 0)
    middle, center = corner.shape[0] // 2, corner.shape[1] // 2
    parts = corner, corner[:middle], corner[middle:], corner[:, :center], corner[:, center:]
    return [np.log1p(max(response.max(), 0)), np.log1p(np.abs(response).mean()), *(p.mean() for p in parts)]


def hough(image: np.ndarray) -> list[float]:
    """`cv2.HoughLinesP`, `cv2.HoughCircles`."""
    large = cv2.resize(_gray(image), (128, 128), interpolation=cv2.INTER_CUBIC)
    lines = cv2.HoughLinesP(cv2.Canny(large, 50, 100), 1, np.pi / 180, 30, minLineLength=25, maxLineGap=5)
    blurred = cv2.GaussianBlur(large, (3, 3), 0)
    circles = cv2.HoughCircles(
        blurred, cv2.HOUGH_GRADIENT, 1, 20, param1=100, param2=30, minRadius=8, maxRadius=50
    )
    circle_count = 0 if circles is None else circles.shape[1]
    if lines is None:
        return [0.0] * 9 + [circle_count]
    across, down = (lines[:, 0, 2:] - lines[:, 0, :2]).T
    lengths = np.hypot(across, down) / 128
    sector = np.rint(np.arctan2(down, across) / (np.pi / 6)) % 6
    angles = np.histogram(sector, bins=6, range=(0, 6), weights=lengths)[0] / lengths.sum()
    return [len(lines), lengths.max(), lengths.mean(), *angles, circle_count]


def contour(image: np.ndarray) -> list[float]:
    """`cv2.findContours` after Otsu's threshold, `cv2.HuMoments`."""
    height, width = image.shape[:2]
    _, mask = cv2.threshold(_gray(image), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not found:
        return [0.0] * 16
    largest = max(found, key=cv2.contourArea)
    _, _, columns, rows = cv2.boundingRect(largest)
    moments, hull = cv2.moments(largest), cv2.contourArea(cv2.convexHull(largest))
    across, along = moments["mu20"] - moments["mu02"], 2 * moments["mu11"]
    size = [
        moments["m00"] / (height * width),
        cv2.arcLength(largest, True) / (2 * (height + width)),
        columns / rows,
        columns / width,
        rows / height,
        moments["m00"] / max(hull, 1e-12),
    ]
    axis = np.array([across, along]) / max(np.hypot(across, along), 1e-12)
    hu = cv2.HuMoments(moments).ravel()
    return [len(found), *size, *axis, *(np.sign(hu) * np.log10(1 + 1e12 * np.abs(hu)))]


def kmeans(image: np.ndarray) -> np.ndarray:
    """`cv2.kmeans` (other clusters)."""
    colors = image.reshape(-1, 3).astype(np.float32)
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 20, 0.2)
    _, labels, centers = cv2.kmeans(colors, 3, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    shares = np.bincount(labels.ravel(), minlength=3) / len(colors)
    order = np.argsort(-shares)
    return np.column_stack([shares, centers])[order].ravel()


def orb(image: np.ndarray, words: np.ndarray) -> np.ndarray:
    """`cv2.ORB`, `cv2.BFMatcher`.

    `words` are the vocabulary's, bits as uint8 (V, 256).
    """
    detector = cv2.ORB.create(64, 1.2, 4, 8, patchSize=16, fastThreshold=5)
    gray = _gray(image)
    if min(gray.shape) < 64:
        gray = cv2.resize(gray, (64, 64))
    _, found = detector.detectAndCompute(gray, None)
    row = np.zeros(129)
    if found is not None:
        matches = cv2.BFMatcher(cv2.NORM_HAMMING).match(found, np.packbits(words, axis=1))
        counts = np.bincount([match.trainIdx for match in matches], minlength=128)
        row[:128], row[128] = np.sqrt(counts / len(found)), len(found)
    return row
