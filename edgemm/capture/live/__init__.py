"""Cameras, pipelines and network video: the newest frame, whatever the driver does.

live_frames.py   connections one after the other       timeouts.py    time-outs, attempts, waits
connection.py    a grabber in a thread, watched        stamps.py      is it a time of capture?
newest.py        a slot for the newest frame, and the  freeze.py      a picture that stands still
                 count of all others                   grabber.py     the seam to a driver

Drivers: camera.py (V4L2; cameras.py lists them) and network.py (FFMPEG, limited by ffmpeg.py; rtsp_reason.py says why
an address fails), both on opencv_grabber.py; picamera.py; gstreamer.py; and for pictures over HTTP:

http_grabber.py  what an address is, and its pictures  http_content.py  by type and first bytes
http_client.py   redirects, logins, refusals           http_address.py  taken apart; http_login.py
http_reply.py    an answer, its body as it comes       http_wire.py     TCP and TLS that never wait too long
http_pictures.py motion JPEG and snapshots             jpeg_parts.py    pictures out of a stream of bytes
"""
