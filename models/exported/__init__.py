"""Packages that ``models.export`` wrote, run by onnxruntime or OpenVINO, whatever family they are of."""
