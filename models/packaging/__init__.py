"""What models.packages is made of: packages on disk, and how one is fetched from a hub."""
