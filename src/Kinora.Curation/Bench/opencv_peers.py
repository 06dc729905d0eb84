# What OpenCV in Python is commonly run for, one purpose at a time: python3 opencv_peers.py PURPOSE FILE
# python3 opencv_peers.py flow FILE: the flows of two pictures, dx and dy of each pixel as float32, first DIS medium, then Farneback by Data-Juicer's parameters. FILE holds
# width and height as int32 and the pictures' gray levels; the flows go to FILE.flow.
import resource
import sys

import cv2
import numpy

purpose, path = sys.argv[1:3]
if purpose == "flow":
    # DIS divides pictures among threads and is another flow for another number of them.
    cv2.setNumThreads(1)
    with open(path, "rb") as file:
        width, height = numpy.fromfile(file, numpy.int32, 2)
        a, b = numpy.fromfile(file, numpy.uint8).reshape(2, height, width)
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(a, b, None)
    farneback = cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, 15, 3, 5, 1.2, 0)
    numpy.stack([dis, farneback]).astype(numpy.float32).tofile(path + ".flow")
    sys.exit()
cv2.setNumThreads(2)
video = cv2.VideoCapture(path)
rate = video.get(cv2.CAP_PROP_FPS) or 25
step = max(1, round(rate / 2))
before, results, number = None, [], 0
while True:
    good, frame = video.read()
    if not good:
        break
    if purpose == "content":
        # The content detector's number: mean difference of hue, saturation and value at 256 pixels.
        h, w = frame.shape[:2]
        small = cv2.cvtColor(cv2.resize(frame, (256, max(1, 256 * h // w))), cv2.COLOR_BGR2HSV)
        if before is not None:
            results.append(cv2.absdiff(small, before).mean())
        before = small
    elif number % step == 0:
        gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        if purpose == "quality":
            b, g, r = (frame[..., c].astype(numpy.float32) for c in range(3))
            rg, yb = r - g, (r + g) / 2 - b
            results.append((cv2.Laplacian(gray, cv2.CV_64F).var(), numpy.hypot(rg.std(), yb.std()) + 0.3 * numpy.hypot(rg.mean(), yb.mean()), gray.mean(), gray.std()))
        elif before is not None:
            # Data-Juicer's parameters, at coded size.
            flow = cv2.calcOpticalFlowFarneback(before, gray, None, 0.5, 3, 15, 3, 5, 1.2, 0)
            results.append(cv2.cartToPolar(flow[..., 0], flow[..., 1])[0].mean())
        before = gray
    number += 1
usage = resource.getrusage(resource.RUSAGE_SELF)
print(f"frames={number} numbers={len(results)} utime={usage.ru_utime:.3f}s stime={usage.ru_stime:.3f}s", file=sys.stderr)
