"""What the artist sees: one file per menu category, each a list of schemas with one sentence of work behind them."""
