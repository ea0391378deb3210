"""Mean gains between cells, and deployments of stations and users."""
