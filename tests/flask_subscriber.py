"""Flask-WebSub's subscriber, in a process of its own: finds the hub of a feed and subscribes.

To be run by a Python that has Flask-WebSub: FEED PORT FOLDER. What it hears it prints, a line each.
"""

import json
import sys
import threading
from importlib import import_module
from typing import Any


def main(feed: str, port: str, folder: str) -> None:
    flask: Any = import_module("flask")
    websub: Any = import_module("flask_websub.subscriber")
    app = flask.Flask("subscriber")
    app.config["SERVER_NAME"] = f"127.0.0.1:{port}"
    subscriber = websub.Subscriber(
        websub.SQLite3SubscriberStorage(f"{folder}/subscriber.db"),
        websub.SQLite3TempSubscriberStorage(f"{folder}/temporary.db"),
    )
    app.register_blueprint(subscriber.build_blueprint(url_prefix="/callbacks"))

    def tell(event: str, **facts: Any) -> None:
        print(json.dumps({"event": event, **facts}), flush=True)  # noqa: T201

    subscriber.add_success_handler(lambda topic, _, mode: tell(mode, topic=topic))
    subscriber.add_error_handler(lambda topic, _, reason: tell("error", topic=topic, why=reason))
    subscriber.add_listener(lambda topic, _, body: tell("news", topic=topic, body=body.decode()))

    def work() -> None:
        found = websub.discover(feed)
        tell("found", **found)
        with app.app_context():
            callback = subscriber.subscribe(**found)
        for line in sys.stdin:
            with app.app_context():
                (subscriber.unsubscribe if line == "unsubscribe\n" else subscriber.renew)(callback)

    threading.Timer(0.5, work).start()
    app.run("127.0.0.1", int(port), threaded=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
