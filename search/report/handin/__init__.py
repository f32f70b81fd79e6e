"""The forms that a team hands in: a wrap-up in Korean and English, and the tables of a paper."""
