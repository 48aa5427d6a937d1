"""Two minutes in a terminal: vendors fail under load, and the app does not notice.

Three emulated vendors at a realistic pace, the gateway, and an app that uses the official SDK without retries. What
is shown is what that app saw: an answer counts only when it is whole, to the last word.
"""
