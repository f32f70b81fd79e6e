"""From the models of a refit to the joint probabilities of an approach."""
