"""Networks and nothing about data: backbone, fusion of a product's images, the MODEL folder."""
