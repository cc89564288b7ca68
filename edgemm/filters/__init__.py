"""Filters of pictures: OpenCV's, by name, alone or in front of a model.

edges = edgemm.Filter("gaussian?size=5", "canny?low=50&high=150")
edges(frame)                                     -> Picture
edgemm.Filter("clahe").then(model).stream(camera)
"""
