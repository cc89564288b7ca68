"""Cameras, pipelines and network video: the newest frame, whatever the driver does.

live_frames.py   connections one after the other       timeouts.py    time-outs, attempts, waits
connection.py    a grabber in a thread, watched        stamps.py      is it a time of capture?
newest.py        a slot for the newest frame, and the  freeze.py   a picture that stands still
                 count of all others                   grabber.py     the seam to a driver

Drivers: camera.py (V4L2; cameras.py lists them), network.py (ffmpeg.py), both on opencv_grabber.py; picamera.py;
gstreamer.py.
"""
