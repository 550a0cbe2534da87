"""What two functions need: settings, the database's verbs, the queue consumer, HTTP manners."""
