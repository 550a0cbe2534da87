"""Every mail there is: which texts it says, of which facts."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time

from functions.emails.content import Content
from functions.emails.draft import Draft
from functions.emails.job import (
    Account,
    Alarm,
    PaymentProblem,
    Refund,
    Sales,
    SalesReport,
    Shipment,
    Undelivered,
)


def _welcome(draft: Draft) -> Content:
    account = f"{draft.web_url}/account"
    return Content(
        subject=draft.say("subject", shop=draft.shop_name),
        heading=draft.say("heading", shop=draft.shop_name),
        greeting=draft.greet(draft.data(Account).display_name),
        paragraphs=[draft.say("ready"), draft.say("why")],
        button=(draft.say("button"), draft.web_url),
        unsubscribe=(draft.say("account"), account),
    )


def _order_confirmation(draft: Draft) -> Content:
    return draft.about_order("packing", address=draft.address)


def _payment_problem(draft: Draft) -> Content:
    return draft.about_order(
        "ended",
        facts=_reason(draft, draft.data(PaymentProblem)),
        notes=[draft.say("again")],
        button=(draft.say("button"), draft.web_url),
    )


def _payment_action(draft: Draft) -> Content:
    return draft.about_order(
        notes=[
            draft.say("confirm", total=draft.money(draft.order.total)),
            draft.say("nothing_taken"),
        ],
        button=(draft.say("button"), f"{draft.order_url}/pay"),
    )


def _out_of_stock(draft: Draft) -> Content:
    data = draft.data(Undelivered)
    button = (draft.say("button"), draft.web_url)
    return draft.about_order("sorry", notes=[_money_back(draft, data)], button=button)


def _shipping_problem(draft: Draft) -> Content:
    data = draft.data(Undelivered)
    return draft.about_order("sorry", facts=_reason(draft, data), notes=[_money_back(draft, data)])


def _order_shipped(draft: Draft) -> Content:
    parcel = draft.data(Shipment)
    return draft.about_order(
        "handed_over",
        facts=[
            (draft.say("carrier"), parcel.carrier),
            (draft.say("tracking_number"), parcel.tracking_number),
        ],
    )


def _order_refunded(draft: Draft) -> Content:
    refund = draft.data(Refund)
    amount, total = draft.money(refund.amount), draft.money(draft.order.total)
    key = "full" if refund.whole else "partial"
    return draft.about_order(notes=[draft.say(key, amount=amount, total=total), draft.say("when")])


def _order_cancelled(draft: Draft) -> Content:
    return draft.about_order("ended", "money")


def _alarm(draft: Draft) -> Content:
    alarm = draft.data(Alarm)
    return Content(
        subject=draft.say("subject", shop=draft.shop_name, what=alarm.kind),
        heading=draft.say("heading"),
        greeting=None,
        paragraphs=[draft.say("stuck")],
        facts=[
            (draft.say("what"), alarm.kind),
            (draft.say("where"), alarm.subject),
            (draft.say("since"), draft.language.moment(alarm.raised_at)),
            (draft.say("detail"), alarm.detail),
        ],
    )


def _daily_report(draft: Draft) -> Content:
    report = draft.data(SalesReport)
    day = draft.language.date(datetime.combine(report.day, time(), UTC))
    return Content(
        subject=draft.say("subject", shop=draft.shop_name, day=day),
        heading=draft.say("heading", day=day),
        greeting=None,
        paragraphs=[] if report.sales else [draft.say("nothing")],
        facts=[fact for sales in report.sales for fact in _facts_of(draft, sales)],
    )


TEMPLATES: Mapping[str, Callable[[Draft], Content]] = {
    "welcome": _welcome,
    "order_confirmation": _order_confirmation,
    "payment_problem": _payment_problem,
    "payment_action": _payment_action,
    "out_of_stock": _out_of_stock,
    "shipping_problem": _shipping_problem,
    "order_shipped": _order_shipped,
    "order_refunded": _order_refunded,
    "order_cancelled": _order_cancelled,
    "alarm": _alarm,
    "daily_report": _daily_report,
}


def _facts_of(draft: Draft, sales: Sales) -> list[tuple[str, str]]:
    counts = ("placed", "paid", "completed", "cancelled", "failed")
    amounts = ("gross", "refunded", "net")
    return [
        (draft.say("currency"), sales.currency),
        *((draft.say(name), str(getattr(sales, name))) for name in counts),
        *(
            (draft.say(name), draft.language.money(getattr(sales, name), sales.currency))
            for name in amounts
        ),
        *(
            (draft.say("best_seller"), draft.item(one.quantity, one.name))
            for one in sales.best_sellers
        ),
    ]


def _reason(draft: Draft, data: PaymentProblem | Undelivered) -> list[tuple[str, str]]:
    known = draft.language.texts["failures"]
    return [(draft.say("reason"), known.get(data.failure_code, data.failure_message))]


def _money_back(draft: Draft, data: Undelivered) -> str:
    if data.refunded > 0:
        return draft.say("refunded", refunded=draft.money(data.refunded))
    return draft.say("not_charged")
