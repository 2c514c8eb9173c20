"""What runs Zvonok on one machine: servers, proxy, mail catcher, the six services, and who watches over them."""
