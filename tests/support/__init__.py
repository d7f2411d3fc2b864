"""What tests share: real peers, throw-away certificates, sample files, ports and waiting with a deadline."""
