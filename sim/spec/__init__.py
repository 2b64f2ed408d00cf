"""What is simulated: hosts, technologies and the published figures behind them; frozen and validated."""
