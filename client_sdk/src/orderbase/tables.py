"""The tables of the shop, typed: see `shop.rows`. Written by `make types`."""

from __future__ import annotations

import datetime
import uuid
from typing import ClassVar

from pydantic import JsonValue

from orderbase import schema
from orderbase._columns import Column, Table

__all__ = [
    "Addresses",
    "Alarms",
    "DailySales",
    "Emails",
    "ExperimentArms",
    "ExperimentExposures",
    "Experiments",
    "HourlyMetrics",
    "Inventory",
    "JobRuns",
    "OrderCounts",
    "OrderEvents",
    "OrderItems",
    "Orders",
    "PaymentEntries",
    "Payments",
    "Preferences",
    "ProductImages",
    "ProductPrices",
    "ProductSales",
    "ProductUploads",
    "Products",
    "Profiles",
    "Refunds",
    "Reports",
    "Shipments",
    "StockMovements",
    "WebhookAttempts",
    "WebhookDeliveries",
    "WebhookEndpoints",
]


class Addresses(
    Table[schema.PublicAddresses, schema.PublicAddressesInsert, schema.PublicAddressesUpdate],
    name="addresses",
    key=("id",),
):
    """Addresses that people keep, guests too: at most 50 each, one of them the default. label: what its owner calls it. address: what place_order takes as shipping_address: {name, line1, line2?, city, postal_code, region?, country}."""

    address: ClassVar[Column[schema.PublicAddresses, JsonValue]]
    created_at: ClassVar[Column[schema.PublicAddresses, datetime.datetime]]
    id: ClassVar[Column[schema.PublicAddresses, uuid.UUID]]
    is_default: ClassVar[Column[schema.PublicAddresses, bool]]
    label: ClassVar[Column[schema.PublicAddresses, str]]
    updated_at: ClassVar[Column[schema.PublicAddresses, datetime.datetime]]
    user_id: ClassVar[Column[schema.PublicAddresses, uuid.UUID]]


class Alarms(
    Table[schema.PublicAlarms, schema.PublicAlarmsInsert, schema.PublicAlarmsUpdate],
    name="alarms",
    key=("id",),
):
    """What the shop's staff should look at. An alarm is raised once until it is cleared."""

    cleared_at: ClassVar[Column[schema.PublicAlarms, datetime.datetime]]
    detail: ClassVar[Column[schema.PublicAlarms, JsonValue]]
    id: ClassVar[Column[schema.PublicAlarms, uuid.UUID]]
    kind: ClassVar[Column[schema.PublicAlarms, str]]
    raised_at: ClassVar[Column[schema.PublicAlarms, datetime.datetime]]
    subject: ClassVar[Column[schema.PublicAlarms, str]]


class DailySales(
    Table[schema.PublicDailySales, schema.PublicDailySalesInsert, schema.PublicDailySalesUpdate],
    name="daily_sales",
    key=("day", "currency",),
):
    """What happened on a day of the shop (see private.shop.time_zone), by ISO 4217 currency. placed, paid, completed, cancelled: orders that came so far that day; failed: could not be paid, had or shipped. items, gross: of orders that were paid. refunded: went back for paid orders. gross, refunded, net: minor units."""

    cancelled: ClassVar[Column[schema.PublicDailySales, int]]
    completed: ClassVar[Column[schema.PublicDailySales, int]]
    currency: ClassVar[Column[schema.PublicDailySales, str]]
    day: ClassVar[Column[schema.PublicDailySales, datetime.date]]
    failed: ClassVar[Column[schema.PublicDailySales, int]]
    gross: ClassVar[Column[schema.PublicDailySales, int]]
    items: ClassVar[Column[schema.PublicDailySales, int]]
    net: ClassVar[Column[schema.PublicDailySales, int]]
    paid: ClassVar[Column[schema.PublicDailySales, int]]
    placed: ClassVar[Column[schema.PublicDailySales, int]]
    refunded: ClassVar[Column[schema.PublicDailySales, int]]


class Emails(
    Table[schema.PublicEmails, schema.PublicEmailsInsert, schema.PublicEmailsUpdate],
    name="emails",
    key=("id",),
):
    """queued: will be tried. claimed: being sent now. unknown: the sender died in between, so it may or may not have arrived; never sent again by itself. unwanted: the recipient does not want such mails, or the address has refused mail before. resend: counts what staff had sent again. claims: also the fence of a result."""

    alarm_id: ClassVar[Column[schema.PublicEmails, uuid.UUID]]
    claims: ClassVar[Column[schema.PublicEmails, int]]
    created_at: ClassVar[Column[schema.PublicEmails, datetime.datetime]]
    error: ClassVar[Column[schema.PublicEmails, str]]
    event: ClassVar[Column[schema.PublicEmails, str]]
    event_id: ClassVar[Column[schema.PublicEmails, int]]
    failures: ClassVar[Column[schema.PublicEmails, int]]
    id: ClassVar[Column[schema.PublicEmails, uuid.UUID]]
    order_id: ClassVar[Column[schema.PublicEmails, uuid.UUID]]
    recipient: ClassVar[Column[schema.PublicEmails, str]]
    report_id: ClassVar[Column[schema.PublicEmails, uuid.UUID]]
    resend: ClassVar[Column[schema.PublicEmails, int]]
    status: ClassVar[Column[schema.PublicEmails, str]]
    template: ClassVar[Column[schema.PublicEmails, str]]
    updated_at: ClassVar[Column[schema.PublicEmails, datetime.datetime]]
    user_id: ClassVar[Column[schema.PublicEmails, uuid.UUID]]


class ExperimentArms(
    Table[schema.PublicExperimentArms, schema.PublicExperimentArmsInsert, schema.PublicExperimentArmsUpdate],
    name="experiment_arms",
    key=("experiment", "name",),
):
    """weight: its share among its experiment's; 0 takes nobody new. price_percent: what a quote charges of the price. An arm that somebody has seen cannot be deleted."""

    experiment: ClassVar[Column[schema.PublicExperimentArms, str]]
    name: ClassVar[Column[schema.PublicExperimentArms, str]]
    price_percent: ClassVar[Column[schema.PublicExperimentArms, int]]
    weight: ClassVar[Column[schema.PublicExperimentArms, int]]


class ExperimentExposures(
    Table[schema.PublicExperimentExposures, schema.PublicExperimentExposuresInsert, schema.PublicExperimentExposuresUpdate],
    name="experiment_exposures",
    key=("experiment", "subject",),
):
    """Who has seen which arm, once; whoever has, keeps it. subject: a hash that nobody can turn back."""

    arm: ClassVar[Column[schema.PublicExperimentExposures, str]]
    experiment: ClassVar[Column[schema.PublicExperimentExposures, str]]
    first_at: ClassVar[Column[schema.PublicExperimentExposures, datetime.datetime]]
    subject: ClassVar[Column[schema.PublicExperimentExposures, bytes]]


class Experiments(
    Table[schema.PublicExperiments, schema.PublicExperimentsInsert, schema.PublicExperimentsUpdate],
    name="experiments",
    key=("name",),
):
    """Experiments run while active and between started_at and ended_at. salt: mixes subjects differently in each. weighed_at: when an arm last came, went or changed its weight."""

    active: ClassVar[Column[schema.PublicExperiments, bool]]
    description: ClassVar[Column[schema.PublicExperiments, str]]
    ended_at: ClassVar[Column[schema.PublicExperiments, datetime.datetime]]
    name: ClassVar[Column[schema.PublicExperiments, str]]
    salt: ClassVar[Column[schema.PublicExperiments, str]]
    started_at: ClassVar[Column[schema.PublicExperiments, datetime.datetime]]
    weighed_at: ClassVar[Column[schema.PublicExperiments, datetime.datetime]]


class HourlyMetrics(
    Table[schema.PublicHourlyMetrics, schema.PublicHourlyMetricsInsert, schema.PublicHourlyMetricsUpdate],
    name="hourly_metrics",
    key=("hour", "metric", "label",),
):
    """Sums of an hour (UTC). From order events: orders (label: the status that they came to); amount_paid, amount_refunded (label: currency; minor units); processing_seconds_sum, _count and _bucket (from placed to completed; label of a bucket: no more seconds than that). Measured where it happened: emails (label: sent, failed, unknown), dead_letters (label: queue), accounts (see private.account_confirmed)."""

    hour: ClassVar[Column[schema.PublicHourlyMetrics, datetime.datetime]]
    label: ClassVar[Column[schema.PublicHourlyMetrics, str]]
    metric: ClassVar[Column[schema.PublicHourlyMetrics, str]]
    value: ClassVar[Column[schema.PublicHourlyMetrics, float]]


class Inventory(
    Table[schema.PublicInventory, schema.PublicInventoryInsert, schema.PublicInventoryUpdate],
    name="inventory",
    key=("product_id",),
):
    """Balances of stock_movements, changed by them alone. Free to sell: on_hand - reserved."""

    available: ClassVar[Column[schema.PublicInventory, int]]
    on_hand: ClassVar[Column[schema.PublicInventory, int]]
    product_id: ClassVar[Column[schema.PublicInventory, uuid.UUID]]
    reserved: ClassVar[Column[schema.PublicInventory, int]]


class JobRuns(
    Table[schema.PublicJobRuns, schema.PublicJobRunsInsert, schema.PublicJobRunsUpdate],
    name="job_runs",
    key=("id",),
):
    """One row per run. summary: by task {status, what it did, milliseconds, error, code}. partial: some tasks failed; they are tried again. skipped: a later run does what this one did not. attempts: how often it came to an end."""

    attempts: ClassVar[Column[schema.PublicJobRuns, int]]
    created_at: ClassVar[Column[schema.PublicJobRuns, datetime.datetime]]
    finished_at: ClassVar[Column[schema.PublicJobRuns, datetime.datetime]]
    id: ClassVar[Column[schema.PublicJobRuns, uuid.UUID]]
    job: ClassVar[Column[schema.PublicJobRuns, str]]
    scheduled_for: ClassVar[Column[schema.PublicJobRuns, datetime.datetime]]
    started_at: ClassVar[Column[schema.PublicJobRuns, datetime.datetime]]
    status: ClassVar[Column[schema.PublicJobRuns, str]]
    summary: ClassVar[Column[schema.PublicJobRuns, JsonValue]]


class OrderCounts(
    Table[schema.PublicOrderCounts, schema.PublicOrderCountsInsert, schema.PublicOrderCountsUpdate],
    name="order_counts",
    key=("status",),
):
    """How many orders are in each status. The events of an order may be counted in any order, so a number can be one off, even below zero, for as long as one of them is under way."""

    orders: ClassVar[Column[schema.PublicOrderCounts, int]]
    status: ClassVar[Column[schema.PublicOrderCounts, schema.PublicOrderStatus]]


class OrderEvents(
    Table[schema.PublicOrderEvents, schema.PublicOrderEventsInsert, schema.PublicOrderEventsUpdate],
    name="order_events",
    key=("id",),
):
    """Append-only. (xid, id) is the position in the feed: see public.order_feed."""

    actor: ClassVar[Column[schema.PublicOrderEvents, uuid.UUID]]
    created_at: ClassVar[Column[schema.PublicOrderEvents, datetime.datetime]]
    data: ClassVar[Column[schema.PublicOrderEvents, JsonValue]]
    id: ClassVar[Column[schema.PublicOrderEvents, int]]
    order_id: ClassVar[Column[schema.PublicOrderEvents, uuid.UUID]]
    status: ClassVar[Column[schema.PublicOrderEvents, schema.PublicOrderStatus]]
    traceparent: ClassVar[Column[schema.PublicOrderEvents, str]]
    type: ClassVar[Column[schema.PublicOrderEvents, str]]
    user_id: ClassVar[Column[schema.PublicOrderEvents, uuid.UUID]]
    version: ClassVar[Column[schema.PublicOrderEvents, int]]
    xid: ClassVar[Column[schema.PublicOrderEvents, schema.PgCatalogXid8]]


class OrderItems(
    Table[schema.PublicOrderItems, schema.PublicOrderItemsInsert, schema.PublicOrderItemsUpdate],
    name="order_items",
    key=("order_id", "product_id",),
):
    """Name and price as they were when the order was placed."""

    name: ClassVar[Column[schema.PublicOrderItems, str]]
    order_id: ClassVar[Column[schema.PublicOrderItems, uuid.UUID]]
    product_id: ClassVar[Column[schema.PublicOrderItems, uuid.UUID]]
    quantity: ClassVar[Column[schema.PublicOrderItems, int]]
    unit_price: ClassVar[Column[schema.PublicOrderItems, int]]
    user_id: ClassVar[Column[schema.PublicOrderItems, uuid.UUID]]


class Orders(
    Table[schema.PublicOrders, schema.PublicOrdersInsert, schema.PublicOrdersUpdate],
    name="orders",
    key=("id",),
):
    """One row per order. Total: minor units of `currency` (ISO 4217)."""

    archived_at: ClassVar[Column[schema.PublicOrders, datetime.datetime]]
    capture: ClassVar[Column[schema.PublicOrders, str]]
    created_at: ClassVar[Column[schema.PublicOrders, datetime.datetime]]
    currency: ClassVar[Column[schema.PublicOrders, str]]
    email: ClassVar[Column[schema.PublicOrders, str]]
    ending: ClassVar[Column[schema.PublicOrders, schema.PublicOrderStatus]]
    failure_code: ClassVar[Column[schema.PublicOrders, str]]
    failure_message: ClassVar[Column[schema.PublicOrders, str]]
    id: ClassVar[Column[schema.PublicOrders, uuid.UUID]]
    idempotency_key: ClassVar[Column[schema.PublicOrders, uuid.UUID]]
    interrupted_status: ClassVar[Column[schema.PublicOrders, schema.PublicOrderStatus]]
    number: ClassVar[Column[schema.PublicOrders, int]]
    payment_method: ClassVar[Column[schema.PublicOrders, str]]
    request_hash: ClassVar[Column[schema.PublicOrders, bytes]]
    reserved_until: ClassVar[Column[schema.PublicOrders, datetime.datetime]]
    shipping_address: ClassVar[Column[schema.PublicOrders, JsonValue]]
    status: ClassVar[Column[schema.PublicOrders, schema.PublicOrderStatus]]
    total: ClassVar[Column[schema.PublicOrders, int]]
    traceparent: ClassVar[Column[schema.PublicOrders, str]]
    updated_at: ClassVar[Column[schema.PublicOrders, datetime.datetime]]
    user_id: ClassVar[Column[schema.PublicOrders, uuid.UUID]]
    version: ClassVar[Column[schema.PublicOrders, int]]


class PaymentEntries(
    Table[schema.PublicPaymentEntries, schema.PublicPaymentEntriesInsert, schema.PublicPaymentEntriesUpdate],
    name="payment_entries",
    key=("id",),
):
    """Append-only ledger of money. Amounts are positive."""

    amount: ClassVar[Column[schema.PublicPaymentEntries, int]]
    created_at: ClassVar[Column[schema.PublicPaymentEntries, datetime.datetime]]
    currency: ClassVar[Column[schema.PublicPaymentEntries, str]]
    id: ClassVar[Column[schema.PublicPaymentEntries, int]]
    kind: ClassVar[Column[schema.PublicPaymentEntries, str]]
    order_id: ClassVar[Column[schema.PublicPaymentEntries, uuid.UUID]]
    payment_id: ClassVar[Column[schema.PublicPaymentEntries, uuid.UUID]]
    reference: ClassVar[Column[schema.PublicPaymentEntries, str]]


class Payments(
    Table[schema.PublicPayments, schema.PublicPaymentsInsert, schema.PublicPaymentsUpdate],
    name="payments",
    key=("id",),
):
    """One row per attempt at the provider; captured and refunded are sums of payment_entries."""

    amount: ClassVar[Column[schema.PublicPayments, int]]
    captured: ClassVar[Column[schema.PublicPayments, int]]
    client_secret: ClassVar[Column[schema.PublicPayments, str]]
    created_at: ClassVar[Column[schema.PublicPayments, datetime.datetime]]
    currency: ClassVar[Column[schema.PublicPayments, str]]
    failure_code: ClassVar[Column[schema.PublicPayments, str]]
    id: ClassVar[Column[schema.PublicPayments, uuid.UUID]]
    order_id: ClassVar[Column[schema.PublicPayments, uuid.UUID]]
    provider: ClassVar[Column[schema.PublicPayments, str]]
    reference: ClassVar[Column[schema.PublicPayments, str]]
    refunded: ClassVar[Column[schema.PublicPayments, int]]
    status: ClassVar[Column[schema.PublicPayments, str]]
    updated_at: ClassVar[Column[schema.PublicPayments, datetime.datetime]]
    user_id: ClassVar[Column[schema.PublicPayments, uuid.UUID]]


class Preferences(
    Table[schema.PublicPreferences, schema.PublicPreferencesInsert, schema.PublicPreferencesUpdate],
    name="preferences",
    key=("user_id",),
):
    """Which mails beyond the order's own a person wants."""

    created_at: ClassVar[Column[schema.PublicPreferences, datetime.datetime]]
    newsletter: ClassVar[Column[schema.PublicPreferences, bool]]
    notifications: ClassVar[Column[schema.PublicPreferences, bool]]
    updated_at: ClassVar[Column[schema.PublicPreferences, datetime.datetime]]
    user_id: ClassVar[Column[schema.PublicPreferences, uuid.UUID]]


class ProductImages(
    Table[schema.PublicProductImages, schema.PublicProductImagesInsert, schema.PublicProductImagesUpdate],
    name="product_images",
    key=("id",),
):
    """Pictures of a product, in order. All paths are in the bucket product-images; path is the widest JPEG, which every program shows. upload_id: null for one that was put there by hand. width, height: of the original, upright, in pixels. colour: the dominant one. placeholder: a tiny blurred picture, as a data: URI. variants: [{width, height, format: webp or jpeg, path, bytes}], widest first. labels: [{name, confidence}], of 100, where a service was asked."""

    alt: ClassVar[Column[schema.PublicProductImages, str]]
    colour: ClassVar[Column[schema.PublicProductImages, str]]
    created_at: ClassVar[Column[schema.PublicProductImages, datetime.datetime]]
    height: ClassVar[Column[schema.PublicProductImages, int]]
    id: ClassVar[Column[schema.PublicProductImages, uuid.UUID]]
    labels: ClassVar[Column[schema.PublicProductImages, JsonValue]]
    path: ClassVar[Column[schema.PublicProductImages, str]]
    placeholder: ClassVar[Column[schema.PublicProductImages, str]]
    position: ClassVar[Column[schema.PublicProductImages, int]]
    product_id: ClassVar[Column[schema.PublicProductImages, uuid.UUID]]
    upload_id: ClassVar[Column[schema.PublicProductImages, uuid.UUID]]
    variants: ClassVar[Column[schema.PublicProductImages, JsonValue]]
    width: ClassVar[Column[schema.PublicProductImages, int]]


class ProductPrices(
    Table[schema.PublicProductPrices, schema.PublicProductPricesInsert, schema.PublicProductPricesUpdate],
    name="product_prices",
    key=("product_id", "country",),
):
    """A market's own price, by country (ISO 3166-1) of delivery; elsewhere the product's price holds."""

    country: ClassVar[Column[schema.PublicProductPrices, str]]
    currency: ClassVar[Column[schema.PublicProductPrices, str]]
    price: ClassVar[Column[schema.PublicProductPrices, int]]
    product_id: ClassVar[Column[schema.PublicProductPrices, uuid.UUID]]


class ProductSales(
    Table[schema.PublicProductSales, schema.PublicProductSalesInsert, schema.PublicProductSalesUpdate],
    name="product_sales",
    key=("day", "product_id", "currency",),
):
    """What was in the orders that were paid on a day; amount: minor units. By day and currency, the amounts are the gross of daily_sales. Refunds name no products, so nothing is taken off."""

    amount: ClassVar[Column[schema.PublicProductSales, int]]
    currency: ClassVar[Column[schema.PublicProductSales, str]]
    day: ClassVar[Column[schema.PublicProductSales, datetime.date]]
    product_id: ClassVar[Column[schema.PublicProductSales, uuid.UUID]]
    quantity: ClassVar[Column[schema.PublicProductSales, int]]


class ProductUploads(
    Table[schema.PublicProductUploads, schema.PublicProductUploadsInsert, schema.PublicProductUploadsUpdate],
    name="product_uploads",
    key=("id",),
):
    """What became of each file in the bucket product-uploads, as long as it is there. name: <product id>/<any>. version: of its content. reason: of a refusal: not_an_image, unsupported_type, too_large, too_many_pixels, damaged, too_demanding; explanation says it to people."""

    created_at: ClassVar[Column[schema.PublicProductUploads, datetime.datetime]]
    explanation: ClassVar[Column[schema.PublicProductUploads, str]]
    id: ClassVar[Column[schema.PublicProductUploads, uuid.UUID]]
    name: ClassVar[Column[schema.PublicProductUploads, str]]
    product_id: ClassVar[Column[schema.PublicProductUploads, uuid.UUID]]
    reason: ClassVar[Column[schema.PublicProductUploads, str]]
    status: ClassVar[Column[schema.PublicProductUploads, str]]
    updated_at: ClassVar[Column[schema.PublicProductUploads, datetime.datetime]]
    version: ClassVar[Column[schema.PublicProductUploads, str]]


class Products(
    Table[schema.PublicProducts, schema.PublicProductsInsert, schema.PublicProductsUpdate],
    name="products",
    key=("id",),
):
    """The catalogue. Price: minor units of `currency` (ISO 4217)."""

    active: ClassVar[Column[schema.PublicProducts, bool]]
    created_at: ClassVar[Column[schema.PublicProducts, datetime.datetime]]
    currency: ClassVar[Column[schema.PublicProducts, str]]
    description: ClassVar[Column[schema.PublicProducts, str]]
    id: ClassVar[Column[schema.PublicProducts, uuid.UUID]]
    name: ClassVar[Column[schema.PublicProducts, str]]
    price: ClassVar[Column[schema.PublicProducts, int]]
    search: ClassVar[Column[schema.PublicProducts, schema.PgCatalogTsvector]]
    slug: ClassVar[Column[schema.PublicProducts, str]]
    updated_at: ClassVar[Column[schema.PublicProducts, datetime.datetime]]
    version: ClassVar[Column[schema.PublicProducts, int]]


class Profiles(
    Table[schema.PublicProfiles, schema.PublicProfilesInsert, schema.PublicProfilesUpdate],
    name="profiles",
    key=("user_id",),
):
    """What a person chose to be called."""

    created_at: ClassVar[Column[schema.PublicProfiles, datetime.datetime]]
    display_name: ClassVar[Column[schema.PublicProfiles, str]]
    updated_at: ClassVar[Column[schema.PublicProfiles, datetime.datetime]]
    user_id: ClassVar[Column[schema.PublicProfiles, uuid.UUID]]


class Refunds(
    Table[schema.PublicRefunds, schema.PublicRefundsInsert, schema.PublicRefundsUpdate],
    name="refunds",
    key=("id",),
):
    """Money that goes back: requested, then done by the step `refund`. What was only authorised is let go."""

    amount: ClassVar[Column[schema.PublicRefunds, int]]
    created_at: ClassVar[Column[schema.PublicRefunds, datetime.datetime]]
    currency: ClassVar[Column[schema.PublicRefunds, str]]
    id: ClassVar[Column[schema.PublicRefunds, uuid.UUID]]
    idempotency_key: ClassVar[Column[schema.PublicRefunds, uuid.UUID]]
    order_id: ClassVar[Column[schema.PublicRefunds, uuid.UUID]]
    reason: ClassVar[Column[schema.PublicRefunds, str]]
    reference: ClassVar[Column[schema.PublicRefunds, str]]
    requested_by: ClassVar[Column[schema.PublicRefunds, uuid.UUID]]
    revision: ClassVar[Column[schema.PublicRefunds, int]]
    status: ClassVar[Column[schema.PublicRefunds, str]]
    updated_at: ClassVar[Column[schema.PublicRefunds, datetime.datetime]]
    user_id: ClassVar[Column[schema.PublicRefunds, uuid.UUID]]


class Reports(
    Table[schema.PublicReports, schema.PublicReportsInsert, schema.PublicReportsUpdate],
    name="reports",
    key=("id",),
):
    """daily_sales: a day of the shop; {day, sales: rows of sales_summary by currency}, and uncounted: how many of its events are missing there, if any; mailed to the staff. hourly: a row of hourly_report; {} if nothing happened; a day long, it is mended by what was counted late."""

    created_at: ClassVar[Column[schema.PublicReports, datetime.datetime]]
    data: ClassVar[Column[schema.PublicReports, JsonValue]]
    id: ClassVar[Column[schema.PublicReports, uuid.UUID]]
    kind: ClassVar[Column[schema.PublicReports, str]]
    period_end: ClassVar[Column[schema.PublicReports, datetime.datetime]]
    period_start: ClassVar[Column[schema.PublicReports, datetime.datetime]]


class Shipments(
    Table[schema.PublicShipments, schema.PublicShipmentsInsert, schema.PublicShipmentsUpdate],
    name="shipments",
    key=("id",),
):
    """The parcel of an order."""

    carrier: ClassVar[Column[schema.PublicShipments, str]]
    created_at: ClassVar[Column[schema.PublicShipments, datetime.datetime]]
    delivered_at: ClassVar[Column[schema.PublicShipments, datetime.datetime]]
    id: ClassVar[Column[schema.PublicShipments, uuid.UUID]]
    order_id: ClassVar[Column[schema.PublicShipments, uuid.UUID]]
    tracking_number: ClassVar[Column[schema.PublicShipments, str]]
    user_id: ClassVar[Column[schema.PublicShipments, uuid.UUID]]


class StockMovements(
    Table[schema.PublicStockMovements, schema.PublicStockMovementsInsert, schema.PublicStockMovementsUpdate],
    name="stock_movements",
    key=("id",),
):
    """Append-only ledger of stock. idempotency_key and moved_by are those of staff who received or counted goods."""

    created_at: ClassVar[Column[schema.PublicStockMovements, datetime.datetime]]
    id: ClassVar[Column[schema.PublicStockMovements, int]]
    idempotency_key: ClassVar[Column[schema.PublicStockMovements, uuid.UUID]]
    kind: ClassVar[Column[schema.PublicStockMovements, schema.PublicStockMovementKind]]
    moved_by: ClassVar[Column[schema.PublicStockMovements, uuid.UUID]]
    note: ClassVar[Column[schema.PublicStockMovements, str]]
    on_hand_change: ClassVar[Column[schema.PublicStockMovements, int]]
    order_id: ClassVar[Column[schema.PublicStockMovements, uuid.UUID]]
    product_id: ClassVar[Column[schema.PublicStockMovements, uuid.UUID]]
    reserved_change: ClassVar[Column[schema.PublicStockMovements, int]]


class WebhookAttempts(
    Table[schema.PublicWebhookAttempts, schema.PublicWebhookAttemptsInsert, schema.PublicWebhookAttemptsUpdate],
    name="webhook_attempts",
    key=("delivery_id", "number",),
):
    """What came of each attempt. number: the start of the delivery. response: the beginning of the answer's body. error: a stable code, where there was no answer."""

    delivery_id: ClassVar[Column[schema.PublicWebhookAttempts, int]]
    ended_at: ClassVar[Column[schema.PublicWebhookAttempts, datetime.datetime]]
    error: ClassVar[Column[schema.PublicWebhookAttempts, str]]
    milliseconds: ClassVar[Column[schema.PublicWebhookAttempts, int]]
    number: ClassVar[Column[schema.PublicWebhookAttempts, int]]
    response: ClassVar[Column[schema.PublicWebhookAttempts, str]]
    status_code: ClassVar[Column[schema.PublicWebhookAttempts, int]]


class WebhookDeliveries(
    Table[schema.PublicWebhookDeliveries, schema.PublicWebhookDeliveriesInsert, schema.PublicWebhookDeliveriesUpdate],
    name="webhook_deliveries",
    key=("id",),
):
    """One row per endpoint and event. webhook_id: the header of that name, the same at each attempt and for ever. version: of the order, where the event is one's; those of an order go out in this order, one after the other. failed: after all attempts. discarded: nobody wants it any more. starts: also the fence of a result. failures: since it was last asked for."""

    created_at: ClassVar[Column[schema.PublicWebhookDeliveries, datetime.datetime]]
    delivered_at: ClassVar[Column[schema.PublicWebhookDeliveries, datetime.datetime]]
    due_at: ClassVar[Column[schema.PublicWebhookDeliveries, datetime.datetime]]
    endpoint_id: ClassVar[Column[schema.PublicWebhookDeliveries, uuid.UUID]]
    error: ClassVar[Column[schema.PublicWebhookDeliveries, str]]
    event_id: ClassVar[Column[schema.PublicWebhookDeliveries, int]]
    failures: ClassVar[Column[schema.PublicWebhookDeliveries, int]]
    id: ClassVar[Column[schema.PublicWebhookDeliveries, int]]
    leased_until: ClassVar[Column[schema.PublicWebhookDeliveries, datetime.datetime]]
    order_id: ClassVar[Column[schema.PublicWebhookDeliveries, uuid.UUID]]
    payload: ClassVar[Column[schema.PublicWebhookDeliveries, JsonValue]]
    starts: ClassVar[Column[schema.PublicWebhookDeliveries, int]]
    status: ClassVar[Column[schema.PublicWebhookDeliveries, str]]
    type: ClassVar[Column[schema.PublicWebhookDeliveries, str]]
    version: ClassVar[Column[schema.PublicWebhookDeliveries, int]]
    webhook_id: ClassVar[Column[schema.PublicWebhookDeliveries, str]]


class WebhookEndpoints(
    Table[schema.PublicWebhookEndpoints, schema.PublicWebhookEndpointsInsert, schema.PublicWebhookEndpointsUpdate],
    name="webhook_endpoints",
    key=("id",),
):
    """Who is told of events. event_types: "*" is all. disabled_reason: staff; gone, it answered 410; failing, for days; deleted, kept for its deliveries. failures: how often in a row it did not answer as a server should; from the first on it gets one delivery at a time. failing_since, failed_attempts: the first failure of any kind since the last success, and how many there were. paused_until: left alone until then."""

    active: ClassVar[Column[schema.PublicWebhookEndpoints, bool]]
    created_at: ClassVar[Column[schema.PublicWebhookEndpoints, datetime.datetime]]
    created_by: ClassVar[Column[schema.PublicWebhookEndpoints, uuid.UUID]]
    description: ClassVar[Column[schema.PublicWebhookEndpoints, str]]
    disabled_reason: ClassVar[Column[schema.PublicWebhookEndpoints, str]]
    event_types: ClassVar[Column[schema.PublicWebhookEndpoints, list[str]]]
    failed_attempts: ClassVar[Column[schema.PublicWebhookEndpoints, int]]
    failing_since: ClassVar[Column[schema.PublicWebhookEndpoints, datetime.datetime]]
    failures: ClassVar[Column[schema.PublicWebhookEndpoints, int]]
    id: ClassVar[Column[schema.PublicWebhookEndpoints, uuid.UUID]]
    paused_until: ClassVar[Column[schema.PublicWebhookEndpoints, datetime.datetime]]
    updated_at: ClassVar[Column[schema.PublicWebhookEndpoints, datetime.datetime]]
    url: ClassVar[Column[schema.PublicWebhookEndpoints, str]]
