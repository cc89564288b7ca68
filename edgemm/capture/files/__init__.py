"""Pictures, video and recordings: items that wait until they are read.

file_source.py   what all of these have in common     recordings.py   WAV files as blocks (wav.py)
pictures.py      picture files (jpeg.py)              paced.py        a file that plays like a device
video.py         video files, through OpenCV's FFMPEG
"""
