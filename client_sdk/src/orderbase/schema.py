from __future__ import annotations

import datetime
import uuid
from typing import (
    Annotated,
    Any,
    List,
    Literal,
    Optional,
    TypedDict,
)
from typing_extensions import NotRequired, TypeAlias

from pydantic import BaseModel, Field, JsonValue

from orderbase._bytea import Bytea

PgCatalogTsvector: TypeAlias = str

PgCatalogXid8: TypeAlias = str

AuthAalLevel: TypeAlias = Literal["aal1", "aal2", "aal3"]

AuthCodeChallengeMethod: TypeAlias = Literal["s256", "plain"]

AuthFactorStatus: TypeAlias = Literal["unverified", "verified"]

AuthFactorType: TypeAlias = Literal["totp", "webauthn", "phone"]

AuthOneTimeTokenType: TypeAlias = Literal["confirmation_token", "reauthentication_token", "recovery_token", "email_change_token_new", "email_change_token_current", "phone_change_token"]

PublicOrderStatus: TypeAlias = Literal["placed", "paid", "shipped", "completed", "out_of_stock", "payment_failed", "shipping_failed", "cancelled", "refunded", "needs_attention"]

PublicStockMovementKind: TypeAlias = Literal["received", "adjusted", "reserved", "released", "sold", "returned"]

StorageBuckettype: TypeAlias = Literal["STANDARD", "ANALYTICS", "VECTOR"]

class PublicAddresses(BaseModel):
    address: JsonValue = Field(alias="address")
    created_at: datetime.datetime = Field(alias="created_at")
    id: uuid.UUID = Field(alias="id")
    is_default: bool = Field(alias="is_default")
    label: str = Field(alias="label")
    updated_at: datetime.datetime = Field(alias="updated_at")
    user_id: uuid.UUID = Field(alias="user_id")

class PublicAddressesInsert(TypedDict):
    address: Annotated[JsonValue, Field(alias="address")]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    is_default: NotRequired[Annotated[bool, Field(alias="is_default")]]
    label: NotRequired[Annotated[str, Field(alias="label")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[uuid.UUID, Field(alias="user_id")]]

class PublicAddressesUpdate(TypedDict):
    address: NotRequired[Annotated[JsonValue, Field(alias="address")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    is_default: NotRequired[Annotated[bool, Field(alias="is_default")]]
    label: NotRequired[Annotated[str, Field(alias="label")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[uuid.UUID, Field(alias="user_id")]]

class PublicAlarms(BaseModel):
    cleared_at: Optional[datetime.datetime] = Field(alias="cleared_at")
    detail: JsonValue = Field(alias="detail")
    id: uuid.UUID = Field(alias="id")
    kind: str = Field(alias="kind")
    raised_at: datetime.datetime = Field(alias="raised_at")
    subject: str = Field(alias="subject")

class PublicAlarmsInsert(TypedDict):
    cleared_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="cleared_at")]]
    detail: NotRequired[Annotated[JsonValue, Field(alias="detail")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    kind: Annotated[str, Field(alias="kind")]
    raised_at: NotRequired[Annotated[datetime.datetime, Field(alias="raised_at")]]
    subject: Annotated[str, Field(alias="subject")]

class PublicAlarmsUpdate(TypedDict):
    cleared_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="cleared_at")]]
    detail: NotRequired[Annotated[JsonValue, Field(alias="detail")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    kind: NotRequired[Annotated[str, Field(alias="kind")]]
    raised_at: NotRequired[Annotated[datetime.datetime, Field(alias="raised_at")]]
    subject: NotRequired[Annotated[str, Field(alias="subject")]]

class PublicDailySales(BaseModel):
    cancelled: int = Field(alias="cancelled")
    completed: int = Field(alias="completed")
    currency: str = Field(alias="currency")
    day: datetime.date = Field(alias="day")
    failed: int = Field(alias="failed")
    gross: int = Field(alias="gross")
    items: int = Field(alias="items")
    net: int = Field(alias="net")
    paid: int = Field(alias="paid")
    placed: int = Field(alias="placed")
    refunded: int = Field(alias="refunded")

class PublicDailySalesInsert(TypedDict):
    cancelled: NotRequired[Annotated[int, Field(alias="cancelled")]]
    completed: NotRequired[Annotated[int, Field(alias="completed")]]
    currency: Annotated[str, Field(alias="currency")]
    day: Annotated[datetime.date, Field(alias="day")]
    failed: NotRequired[Annotated[int, Field(alias="failed")]]
    gross: NotRequired[Annotated[int, Field(alias="gross")]]
    items: NotRequired[Annotated[int, Field(alias="items")]]
    net: NotRequired[Annotated[int, Field(alias="net")]]
    paid: NotRequired[Annotated[int, Field(alias="paid")]]
    placed: NotRequired[Annotated[int, Field(alias="placed")]]
    refunded: NotRequired[Annotated[int, Field(alias="refunded")]]

class PublicDailySalesUpdate(TypedDict):
    cancelled: NotRequired[Annotated[int, Field(alias="cancelled")]]
    completed: NotRequired[Annotated[int, Field(alias="completed")]]
    currency: NotRequired[Annotated[str, Field(alias="currency")]]
    day: NotRequired[Annotated[datetime.date, Field(alias="day")]]
    failed: NotRequired[Annotated[int, Field(alias="failed")]]
    gross: NotRequired[Annotated[int, Field(alias="gross")]]
    items: NotRequired[Annotated[int, Field(alias="items")]]
    net: NotRequired[Annotated[int, Field(alias="net")]]
    paid: NotRequired[Annotated[int, Field(alias="paid")]]
    placed: NotRequired[Annotated[int, Field(alias="placed")]]
    refunded: NotRequired[Annotated[int, Field(alias="refunded")]]

class PublicEmails(BaseModel):
    alarm_id: Optional[uuid.UUID] = Field(alias="alarm_id")
    claims: int = Field(alias="claims")
    created_at: datetime.datetime = Field(alias="created_at")
    error: Optional[str] = Field(alias="error")
    event: str = Field(alias="event")
    event_id: Optional[int] = Field(alias="event_id")
    failures: int = Field(alias="failures")
    id: uuid.UUID = Field(alias="id")
    order_id: Optional[uuid.UUID] = Field(alias="order_id")
    recipient: str = Field(alias="recipient")
    report_id: Optional[uuid.UUID] = Field(alias="report_id")
    resend: int = Field(alias="resend")
    status: str = Field(alias="status")
    template: str = Field(alias="template")
    updated_at: datetime.datetime = Field(alias="updated_at")
    user_id: Optional[uuid.UUID] = Field(alias="user_id")

class PublicEmailsInsert(TypedDict):
    alarm_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="alarm_id")]]
    claims: NotRequired[Annotated[int, Field(alias="claims")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    error: NotRequired[Annotated[Optional[str], Field(alias="error")]]
    event: Annotated[str, Field(alias="event")]
    event_id: NotRequired[Annotated[Optional[int], Field(alias="event_id")]]
    failures: NotRequired[Annotated[int, Field(alias="failures")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    order_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="order_id")]]
    recipient: Annotated[str, Field(alias="recipient")]
    report_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="report_id")]]
    resend: NotRequired[Annotated[int, Field(alias="resend")]]
    status: NotRequired[Annotated[str, Field(alias="status")]]
    template: Annotated[str, Field(alias="template")]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]

class PublicEmailsUpdate(TypedDict):
    alarm_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="alarm_id")]]
    claims: NotRequired[Annotated[int, Field(alias="claims")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    error: NotRequired[Annotated[Optional[str], Field(alias="error")]]
    event: NotRequired[Annotated[str, Field(alias="event")]]
    event_id: NotRequired[Annotated[Optional[int], Field(alias="event_id")]]
    failures: NotRequired[Annotated[int, Field(alias="failures")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    order_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="order_id")]]
    recipient: NotRequired[Annotated[str, Field(alias="recipient")]]
    report_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="report_id")]]
    resend: NotRequired[Annotated[int, Field(alias="resend")]]
    status: NotRequired[Annotated[str, Field(alias="status")]]
    template: NotRequired[Annotated[str, Field(alias="template")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]

class PublicExperimentArms(BaseModel):
    experiment: str = Field(alias="experiment")
    name: str = Field(alias="name")
    price_percent: int = Field(alias="price_percent")
    weight: int = Field(alias="weight")

class PublicExperimentArmsInsert(TypedDict):
    experiment: Annotated[str, Field(alias="experiment")]
    name: Annotated[str, Field(alias="name")]
    price_percent: NotRequired[Annotated[int, Field(alias="price_percent")]]
    weight: NotRequired[Annotated[int, Field(alias="weight")]]

class PublicExperimentArmsUpdate(TypedDict):
    experiment: NotRequired[Annotated[str, Field(alias="experiment")]]
    name: NotRequired[Annotated[str, Field(alias="name")]]
    price_percent: NotRequired[Annotated[int, Field(alias="price_percent")]]
    weight: NotRequired[Annotated[int, Field(alias="weight")]]

class PublicExperimentExposures(BaseModel):
    arm: str = Field(alias="arm")
    experiment: str = Field(alias="experiment")
    first_at: datetime.datetime = Field(alias="first_at")
    subject: Bytea = Field(alias="subject")

class PublicExperimentExposuresInsert(TypedDict):
    arm: Annotated[str, Field(alias="arm")]
    experiment: Annotated[str, Field(alias="experiment")]
    first_at: NotRequired[Annotated[datetime.datetime, Field(alias="first_at")]]
    subject: Annotated[Bytea, Field(alias="subject")]

class PublicExperimentExposuresUpdate(TypedDict):
    arm: NotRequired[Annotated[str, Field(alias="arm")]]
    experiment: NotRequired[Annotated[str, Field(alias="experiment")]]
    first_at: NotRequired[Annotated[datetime.datetime, Field(alias="first_at")]]
    subject: NotRequired[Annotated[Bytea, Field(alias="subject")]]

class PublicExperiments(BaseModel):
    active: bool = Field(alias="active")
    description: str = Field(alias="description")
    ended_at: Optional[datetime.datetime] = Field(alias="ended_at")
    name: str = Field(alias="name")
    salt: str = Field(alias="salt")
    started_at: datetime.datetime = Field(alias="started_at")
    weighed_at: datetime.datetime = Field(alias="weighed_at")

class PublicExperimentsInsert(TypedDict):
    active: NotRequired[Annotated[bool, Field(alias="active")]]
    description: NotRequired[Annotated[str, Field(alias="description")]]
    ended_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="ended_at")]]
    name: Annotated[str, Field(alias="name")]
    salt: NotRequired[Annotated[str, Field(alias="salt")]]
    started_at: NotRequired[Annotated[datetime.datetime, Field(alias="started_at")]]
    weighed_at: NotRequired[Annotated[datetime.datetime, Field(alias="weighed_at")]]

class PublicExperimentsUpdate(TypedDict):
    active: NotRequired[Annotated[bool, Field(alias="active")]]
    description: NotRequired[Annotated[str, Field(alias="description")]]
    ended_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="ended_at")]]
    name: NotRequired[Annotated[str, Field(alias="name")]]
    salt: NotRequired[Annotated[str, Field(alias="salt")]]
    started_at: NotRequired[Annotated[datetime.datetime, Field(alias="started_at")]]
    weighed_at: NotRequired[Annotated[datetime.datetime, Field(alias="weighed_at")]]

class PublicHourlyMetrics(BaseModel):
    hour: datetime.datetime = Field(alias="hour")
    label: str = Field(alias="label")
    metric: str = Field(alias="metric")
    value: float = Field(alias="value")

class PublicHourlyMetricsInsert(TypedDict):
    hour: Annotated[datetime.datetime, Field(alias="hour")]
    label: NotRequired[Annotated[str, Field(alias="label")]]
    metric: Annotated[str, Field(alias="metric")]
    value: Annotated[float, Field(alias="value")]

class PublicHourlyMetricsUpdate(TypedDict):
    hour: NotRequired[Annotated[datetime.datetime, Field(alias="hour")]]
    label: NotRequired[Annotated[str, Field(alias="label")]]
    metric: NotRequired[Annotated[str, Field(alias="metric")]]
    value: NotRequired[Annotated[float, Field(alias="value")]]

class PublicInventory(BaseModel):
    available: int = Field(alias="available")
    on_hand: int = Field(alias="on_hand")
    product_id: uuid.UUID = Field(alias="product_id")
    reserved: int = Field(alias="reserved")

class PublicInventoryInsert(TypedDict):
    available: NotRequired[Annotated[int, Field(alias="available")]]
    on_hand: NotRequired[Annotated[int, Field(alias="on_hand")]]
    product_id: Annotated[uuid.UUID, Field(alias="product_id")]
    reserved: NotRequired[Annotated[int, Field(alias="reserved")]]

class PublicInventoryUpdate(TypedDict):
    available: NotRequired[Annotated[int, Field(alias="available")]]
    on_hand: NotRequired[Annotated[int, Field(alias="on_hand")]]
    product_id: NotRequired[Annotated[uuid.UUID, Field(alias="product_id")]]
    reserved: NotRequired[Annotated[int, Field(alias="reserved")]]

class PublicJobRuns(BaseModel):
    attempts: int = Field(alias="attempts")
    created_at: datetime.datetime = Field(alias="created_at")
    finished_at: Optional[datetime.datetime] = Field(alias="finished_at")
    id: uuid.UUID = Field(alias="id")
    job: str = Field(alias="job")
    scheduled_for: datetime.datetime = Field(alias="scheduled_for")
    started_at: Optional[datetime.datetime] = Field(alias="started_at")
    status: str = Field(alias="status")
    summary: JsonValue = Field(alias="summary")

class PublicJobRunsInsert(TypedDict):
    attempts: NotRequired[Annotated[int, Field(alias="attempts")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    finished_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="finished_at")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    job: Annotated[str, Field(alias="job")]
    scheduled_for: Annotated[datetime.datetime, Field(alias="scheduled_for")]
    started_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="started_at")]]
    status: NotRequired[Annotated[str, Field(alias="status")]]
    summary: NotRequired[Annotated[JsonValue, Field(alias="summary")]]

class PublicJobRunsUpdate(TypedDict):
    attempts: NotRequired[Annotated[int, Field(alias="attempts")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    finished_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="finished_at")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    job: NotRequired[Annotated[str, Field(alias="job")]]
    scheduled_for: NotRequired[Annotated[datetime.datetime, Field(alias="scheduled_for")]]
    started_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="started_at")]]
    status: NotRequired[Annotated[str, Field(alias="status")]]
    summary: NotRequired[Annotated[JsonValue, Field(alias="summary")]]

class PublicOrderCounts(BaseModel):
    orders: int = Field(alias="orders")
    status: PublicOrderStatus = Field(alias="status")

class PublicOrderCountsInsert(TypedDict):
    orders: NotRequired[Annotated[int, Field(alias="orders")]]
    status: Annotated[PublicOrderStatus, Field(alias="status")]

class PublicOrderCountsUpdate(TypedDict):
    orders: NotRequired[Annotated[int, Field(alias="orders")]]
    status: NotRequired[Annotated[PublicOrderStatus, Field(alias="status")]]

class PublicOrderEvents(BaseModel):
    actor: Optional[uuid.UUID] = Field(alias="actor")
    created_at: datetime.datetime = Field(alias="created_at")
    data: JsonValue = Field(alias="data")
    id: int = Field(alias="id")
    order_id: uuid.UUID = Field(alias="order_id")
    status: PublicOrderStatus = Field(alias="status")
    traceparent: Optional[str] = Field(alias="traceparent")
    type: str = Field(alias="type")
    user_id: Optional[uuid.UUID] = Field(alias="user_id")
    version: int = Field(alias="version")
    xid: PgCatalogXid8 = Field(alias="xid")

class PublicOrderEventsInsert(TypedDict):
    actor: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="actor")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    data: NotRequired[Annotated[JsonValue, Field(alias="data")]]
    id: NotRequired[Annotated[int, Field(alias="id")]]
    order_id: Annotated[uuid.UUID, Field(alias="order_id")]
    status: Annotated[PublicOrderStatus, Field(alias="status")]
    traceparent: NotRequired[Annotated[Optional[str], Field(alias="traceparent")]]
    type: Annotated[str, Field(alias="type")]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]
    version: Annotated[int, Field(alias="version")]
    xid: NotRequired[Annotated[PgCatalogXid8, Field(alias="xid")]]

class PublicOrderEventsUpdate(TypedDict):
    actor: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="actor")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    data: NotRequired[Annotated[JsonValue, Field(alias="data")]]
    id: NotRequired[Annotated[int, Field(alias="id")]]
    order_id: NotRequired[Annotated[uuid.UUID, Field(alias="order_id")]]
    status: NotRequired[Annotated[PublicOrderStatus, Field(alias="status")]]
    traceparent: NotRequired[Annotated[Optional[str], Field(alias="traceparent")]]
    type: NotRequired[Annotated[str, Field(alias="type")]]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]
    version: NotRequired[Annotated[int, Field(alias="version")]]
    xid: NotRequired[Annotated[PgCatalogXid8, Field(alias="xid")]]

class PublicOrderItems(BaseModel):
    name: str = Field(alias="name")
    order_id: uuid.UUID = Field(alias="order_id")
    product_id: uuid.UUID = Field(alias="product_id")
    quantity: int = Field(alias="quantity")
    unit_price: int = Field(alias="unit_price")
    user_id: Optional[uuid.UUID] = Field(alias="user_id")

class PublicOrderItemsInsert(TypedDict):
    name: Annotated[str, Field(alias="name")]
    order_id: Annotated[uuid.UUID, Field(alias="order_id")]
    product_id: Annotated[uuid.UUID, Field(alias="product_id")]
    quantity: Annotated[int, Field(alias="quantity")]
    unit_price: Annotated[int, Field(alias="unit_price")]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]

class PublicOrderItemsUpdate(TypedDict):
    name: NotRequired[Annotated[str, Field(alias="name")]]
    order_id: NotRequired[Annotated[uuid.UUID, Field(alias="order_id")]]
    product_id: NotRequired[Annotated[uuid.UUID, Field(alias="product_id")]]
    quantity: NotRequired[Annotated[int, Field(alias="quantity")]]
    unit_price: NotRequired[Annotated[int, Field(alias="unit_price")]]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]

class PublicOrders(BaseModel):
    archived_at: Optional[datetime.datetime] = Field(alias="archived_at")
    capture: str = Field(alias="capture")
    created_at: datetime.datetime = Field(alias="created_at")
    currency: str = Field(alias="currency")
    email: str = Field(alias="email")
    ending: Optional[PublicOrderStatus] = Field(alias="ending")
    failure_code: Optional[str] = Field(alias="failure_code")
    failure_message: Optional[str] = Field(alias="failure_message")
    id: uuid.UUID = Field(alias="id")
    idempotency_key: uuid.UUID = Field(alias="idempotency_key")
    interrupted_status: Optional[PublicOrderStatus] = Field(alias="interrupted_status")
    number: int = Field(alias="number")
    payment_method: str = Field(alias="payment_method")
    request_hash: Bytea = Field(alias="request_hash")
    reserved_until: Optional[datetime.datetime] = Field(alias="reserved_until")
    shipping_address: JsonValue = Field(alias="shipping_address")
    status: PublicOrderStatus = Field(alias="status")
    total: int = Field(alias="total")
    traceparent: Optional[str] = Field(alias="traceparent")
    updated_at: datetime.datetime = Field(alias="updated_at")
    user_id: Optional[uuid.UUID] = Field(alias="user_id")
    version: int = Field(alias="version")

class PublicOrdersInsert(TypedDict):
    archived_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="archived_at")]]
    capture: NotRequired[Annotated[str, Field(alias="capture")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    currency: Annotated[str, Field(alias="currency")]
    email: Annotated[str, Field(alias="email")]
    ending: NotRequired[Annotated[Optional[PublicOrderStatus], Field(alias="ending")]]
    failure_code: NotRequired[Annotated[Optional[str], Field(alias="failure_code")]]
    failure_message: NotRequired[Annotated[Optional[str], Field(alias="failure_message")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    idempotency_key: Annotated[uuid.UUID, Field(alias="idempotency_key")]
    interrupted_status: NotRequired[Annotated[Optional[PublicOrderStatus], Field(alias="interrupted_status")]]
    number: NotRequired[Annotated[int, Field(alias="number")]]
    payment_method: Annotated[str, Field(alias="payment_method")]
    request_hash: Annotated[Bytea, Field(alias="request_hash")]
    reserved_until: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="reserved_until")]]
    shipping_address: Annotated[JsonValue, Field(alias="shipping_address")]
    status: NotRequired[Annotated[PublicOrderStatus, Field(alias="status")]]
    total: Annotated[int, Field(alias="total")]
    traceparent: NotRequired[Annotated[Optional[str], Field(alias="traceparent")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]
    version: NotRequired[Annotated[int, Field(alias="version")]]

class PublicOrdersUpdate(TypedDict):
    archived_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="archived_at")]]
    capture: NotRequired[Annotated[str, Field(alias="capture")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    currency: NotRequired[Annotated[str, Field(alias="currency")]]
    email: NotRequired[Annotated[str, Field(alias="email")]]
    ending: NotRequired[Annotated[Optional[PublicOrderStatus], Field(alias="ending")]]
    failure_code: NotRequired[Annotated[Optional[str], Field(alias="failure_code")]]
    failure_message: NotRequired[Annotated[Optional[str], Field(alias="failure_message")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    idempotency_key: NotRequired[Annotated[uuid.UUID, Field(alias="idempotency_key")]]
    interrupted_status: NotRequired[Annotated[Optional[PublicOrderStatus], Field(alias="interrupted_status")]]
    number: NotRequired[Annotated[int, Field(alias="number")]]
    payment_method: NotRequired[Annotated[str, Field(alias="payment_method")]]
    request_hash: NotRequired[Annotated[Bytea, Field(alias="request_hash")]]
    reserved_until: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="reserved_until")]]
    shipping_address: NotRequired[Annotated[JsonValue, Field(alias="shipping_address")]]
    status: NotRequired[Annotated[PublicOrderStatus, Field(alias="status")]]
    total: NotRequired[Annotated[int, Field(alias="total")]]
    traceparent: NotRequired[Annotated[Optional[str], Field(alias="traceparent")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]
    version: NotRequired[Annotated[int, Field(alias="version")]]

class PublicPaymentEntries(BaseModel):
    amount: int = Field(alias="amount")
    created_at: datetime.datetime = Field(alias="created_at")
    currency: str = Field(alias="currency")
    id: int = Field(alias="id")
    kind: str = Field(alias="kind")
    order_id: uuid.UUID = Field(alias="order_id")
    payment_id: uuid.UUID = Field(alias="payment_id")
    reference: str = Field(alias="reference")

class PublicPaymentEntriesInsert(TypedDict):
    amount: Annotated[int, Field(alias="amount")]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    currency: Annotated[str, Field(alias="currency")]
    id: NotRequired[Annotated[int, Field(alias="id")]]
    kind: Annotated[str, Field(alias="kind")]
    order_id: Annotated[uuid.UUID, Field(alias="order_id")]
    payment_id: Annotated[uuid.UUID, Field(alias="payment_id")]
    reference: Annotated[str, Field(alias="reference")]

class PublicPaymentEntriesUpdate(TypedDict):
    amount: NotRequired[Annotated[int, Field(alias="amount")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    currency: NotRequired[Annotated[str, Field(alias="currency")]]
    id: NotRequired[Annotated[int, Field(alias="id")]]
    kind: NotRequired[Annotated[str, Field(alias="kind")]]
    order_id: NotRequired[Annotated[uuid.UUID, Field(alias="order_id")]]
    payment_id: NotRequired[Annotated[uuid.UUID, Field(alias="payment_id")]]
    reference: NotRequired[Annotated[str, Field(alias="reference")]]

class PublicPayments(BaseModel):
    amount: int = Field(alias="amount")
    captured: int = Field(alias="captured")
    client_secret: Optional[str] = Field(alias="client_secret")
    created_at: datetime.datetime = Field(alias="created_at")
    currency: str = Field(alias="currency")
    failure_code: Optional[str] = Field(alias="failure_code")
    id: uuid.UUID = Field(alias="id")
    order_id: uuid.UUID = Field(alias="order_id")
    provider: str = Field(alias="provider")
    reference: str = Field(alias="reference")
    refunded: int = Field(alias="refunded")
    status: str = Field(alias="status")
    updated_at: datetime.datetime = Field(alias="updated_at")
    user_id: Optional[uuid.UUID] = Field(alias="user_id")

class PublicPaymentsInsert(TypedDict):
    amount: Annotated[int, Field(alias="amount")]
    captured: NotRequired[Annotated[int, Field(alias="captured")]]
    client_secret: NotRequired[Annotated[Optional[str], Field(alias="client_secret")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    currency: Annotated[str, Field(alias="currency")]
    failure_code: NotRequired[Annotated[Optional[str], Field(alias="failure_code")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    order_id: Annotated[uuid.UUID, Field(alias="order_id")]
    provider: Annotated[str, Field(alias="provider")]
    reference: Annotated[str, Field(alias="reference")]
    refunded: NotRequired[Annotated[int, Field(alias="refunded")]]
    status: Annotated[str, Field(alias="status")]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]

class PublicPaymentsUpdate(TypedDict):
    amount: NotRequired[Annotated[int, Field(alias="amount")]]
    captured: NotRequired[Annotated[int, Field(alias="captured")]]
    client_secret: NotRequired[Annotated[Optional[str], Field(alias="client_secret")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    currency: NotRequired[Annotated[str, Field(alias="currency")]]
    failure_code: NotRequired[Annotated[Optional[str], Field(alias="failure_code")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    order_id: NotRequired[Annotated[uuid.UUID, Field(alias="order_id")]]
    provider: NotRequired[Annotated[str, Field(alias="provider")]]
    reference: NotRequired[Annotated[str, Field(alias="reference")]]
    refunded: NotRequired[Annotated[int, Field(alias="refunded")]]
    status: NotRequired[Annotated[str, Field(alias="status")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]

class PublicPreferences(BaseModel):
    created_at: datetime.datetime = Field(alias="created_at")
    newsletter: bool = Field(alias="newsletter")
    notifications: bool = Field(alias="notifications")
    updated_at: datetime.datetime = Field(alias="updated_at")
    user_id: uuid.UUID = Field(alias="user_id")

class PublicPreferencesInsert(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    newsletter: NotRequired[Annotated[bool, Field(alias="newsletter")]]
    notifications: NotRequired[Annotated[bool, Field(alias="notifications")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: Annotated[uuid.UUID, Field(alias="user_id")]

class PublicPreferencesUpdate(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    newsletter: NotRequired[Annotated[bool, Field(alias="newsletter")]]
    notifications: NotRequired[Annotated[bool, Field(alias="notifications")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[uuid.UUID, Field(alias="user_id")]]

class PublicProductImages(BaseModel):
    alt: str = Field(alias="alt")
    colour: Optional[str] = Field(alias="colour")
    created_at: datetime.datetime = Field(alias="created_at")
    height: Optional[int] = Field(alias="height")
    id: uuid.UUID = Field(alias="id")
    labels: JsonValue = Field(alias="labels")
    path: str = Field(alias="path")
    placeholder: Optional[str] = Field(alias="placeholder")
    position: int = Field(alias="position")
    product_id: uuid.UUID = Field(alias="product_id")
    upload_id: Optional[uuid.UUID] = Field(alias="upload_id")
    variants: JsonValue = Field(alias="variants")
    width: Optional[int] = Field(alias="width")

class PublicProductImagesInsert(TypedDict):
    alt: NotRequired[Annotated[str, Field(alias="alt")]]
    colour: NotRequired[Annotated[Optional[str], Field(alias="colour")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    height: NotRequired[Annotated[Optional[int], Field(alias="height")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    labels: NotRequired[Annotated[JsonValue, Field(alias="labels")]]
    path: Annotated[str, Field(alias="path")]
    placeholder: NotRequired[Annotated[Optional[str], Field(alias="placeholder")]]
    position: NotRequired[Annotated[int, Field(alias="position")]]
    product_id: Annotated[uuid.UUID, Field(alias="product_id")]
    upload_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="upload_id")]]
    variants: NotRequired[Annotated[JsonValue, Field(alias="variants")]]
    width: NotRequired[Annotated[Optional[int], Field(alias="width")]]

class PublicProductImagesUpdate(TypedDict):
    alt: NotRequired[Annotated[str, Field(alias="alt")]]
    colour: NotRequired[Annotated[Optional[str], Field(alias="colour")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    height: NotRequired[Annotated[Optional[int], Field(alias="height")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    labels: NotRequired[Annotated[JsonValue, Field(alias="labels")]]
    path: NotRequired[Annotated[str, Field(alias="path")]]
    placeholder: NotRequired[Annotated[Optional[str], Field(alias="placeholder")]]
    position: NotRequired[Annotated[int, Field(alias="position")]]
    product_id: NotRequired[Annotated[uuid.UUID, Field(alias="product_id")]]
    upload_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="upload_id")]]
    variants: NotRequired[Annotated[JsonValue, Field(alias="variants")]]
    width: NotRequired[Annotated[Optional[int], Field(alias="width")]]

class PublicProductPrices(BaseModel):
    country: str = Field(alias="country")
    currency: str = Field(alias="currency")
    price: int = Field(alias="price")
    product_id: uuid.UUID = Field(alias="product_id")

class PublicProductPricesInsert(TypedDict):
    country: Annotated[str, Field(alias="country")]
    currency: Annotated[str, Field(alias="currency")]
    price: Annotated[int, Field(alias="price")]
    product_id: Annotated[uuid.UUID, Field(alias="product_id")]

class PublicProductPricesUpdate(TypedDict):
    country: NotRequired[Annotated[str, Field(alias="country")]]
    currency: NotRequired[Annotated[str, Field(alias="currency")]]
    price: NotRequired[Annotated[int, Field(alias="price")]]
    product_id: NotRequired[Annotated[uuid.UUID, Field(alias="product_id")]]

class PublicProductSales(BaseModel):
    amount: int = Field(alias="amount")
    currency: str = Field(alias="currency")
    day: datetime.date = Field(alias="day")
    product_id: uuid.UUID = Field(alias="product_id")
    quantity: int = Field(alias="quantity")

class PublicProductSalesInsert(TypedDict):
    amount: NotRequired[Annotated[int, Field(alias="amount")]]
    currency: Annotated[str, Field(alias="currency")]
    day: Annotated[datetime.date, Field(alias="day")]
    product_id: Annotated[uuid.UUID, Field(alias="product_id")]
    quantity: NotRequired[Annotated[int, Field(alias="quantity")]]

class PublicProductSalesUpdate(TypedDict):
    amount: NotRequired[Annotated[int, Field(alias="amount")]]
    currency: NotRequired[Annotated[str, Field(alias="currency")]]
    day: NotRequired[Annotated[datetime.date, Field(alias="day")]]
    product_id: NotRequired[Annotated[uuid.UUID, Field(alias="product_id")]]
    quantity: NotRequired[Annotated[int, Field(alias="quantity")]]

class PublicProductUploads(BaseModel):
    created_at: datetime.datetime = Field(alias="created_at")
    explanation: Optional[str] = Field(alias="explanation")
    id: uuid.UUID = Field(alias="id")
    name: str = Field(alias="name")
    product_id: uuid.UUID = Field(alias="product_id")
    reason: Optional[str] = Field(alias="reason")
    status: str = Field(alias="status")
    updated_at: datetime.datetime = Field(alias="updated_at")
    version: str = Field(alias="version")

class PublicProductUploadsInsert(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    explanation: NotRequired[Annotated[Optional[str], Field(alias="explanation")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    name: Annotated[str, Field(alias="name")]
    product_id: Annotated[uuid.UUID, Field(alias="product_id")]
    reason: NotRequired[Annotated[Optional[str], Field(alias="reason")]]
    status: NotRequired[Annotated[str, Field(alias="status")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    version: Annotated[str, Field(alias="version")]

class PublicProductUploadsUpdate(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    explanation: NotRequired[Annotated[Optional[str], Field(alias="explanation")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    name: NotRequired[Annotated[str, Field(alias="name")]]
    product_id: NotRequired[Annotated[uuid.UUID, Field(alias="product_id")]]
    reason: NotRequired[Annotated[Optional[str], Field(alias="reason")]]
    status: NotRequired[Annotated[str, Field(alias="status")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    version: NotRequired[Annotated[str, Field(alias="version")]]

class PublicProducts(BaseModel):
    active: bool = Field(alias="active")
    created_at: datetime.datetime = Field(alias="created_at")
    currency: str = Field(alias="currency")
    description: str = Field(alias="description")
    id: uuid.UUID = Field(alias="id")
    name: str = Field(alias="name")
    price: int = Field(alias="price")
    search: PgCatalogTsvector = Field(alias="search")
    slug: str = Field(alias="slug")
    updated_at: datetime.datetime = Field(alias="updated_at")
    version: int = Field(alias="version")

class PublicProductsInsert(TypedDict):
    active: NotRequired[Annotated[bool, Field(alias="active")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    currency: Annotated[str, Field(alias="currency")]
    description: NotRequired[Annotated[str, Field(alias="description")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    name: Annotated[str, Field(alias="name")]
    price: Annotated[int, Field(alias="price")]
    search: NotRequired[Annotated[PgCatalogTsvector, Field(alias="search")]]
    slug: Annotated[str, Field(alias="slug")]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    version: NotRequired[Annotated[int, Field(alias="version")]]

class PublicProductsUpdate(TypedDict):
    active: NotRequired[Annotated[bool, Field(alias="active")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    currency: NotRequired[Annotated[str, Field(alias="currency")]]
    description: NotRequired[Annotated[str, Field(alias="description")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    name: NotRequired[Annotated[str, Field(alias="name")]]
    price: NotRequired[Annotated[int, Field(alias="price")]]
    search: NotRequired[Annotated[PgCatalogTsvector, Field(alias="search")]]
    slug: NotRequired[Annotated[str, Field(alias="slug")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    version: NotRequired[Annotated[int, Field(alias="version")]]

class PublicProfiles(BaseModel):
    created_at: datetime.datetime = Field(alias="created_at")
    display_name: str = Field(alias="display_name")
    updated_at: datetime.datetime = Field(alias="updated_at")
    user_id: uuid.UUID = Field(alias="user_id")

class PublicProfilesInsert(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    display_name: NotRequired[Annotated[str, Field(alias="display_name")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: Annotated[uuid.UUID, Field(alias="user_id")]

class PublicProfilesUpdate(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    display_name: NotRequired[Annotated[str, Field(alias="display_name")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[uuid.UUID, Field(alias="user_id")]]

class PublicRefunds(BaseModel):
    amount: int = Field(alias="amount")
    created_at: datetime.datetime = Field(alias="created_at")
    currency: str = Field(alias="currency")
    id: uuid.UUID = Field(alias="id")
    idempotency_key: Optional[uuid.UUID] = Field(alias="idempotency_key")
    order_id: uuid.UUID = Field(alias="order_id")
    reason: str = Field(alias="reason")
    reference: Optional[str] = Field(alias="reference")
    requested_by: Optional[uuid.UUID] = Field(alias="requested_by")
    revision: int = Field(alias="revision")
    status: str = Field(alias="status")
    updated_at: datetime.datetime = Field(alias="updated_at")
    user_id: Optional[uuid.UUID] = Field(alias="user_id")

class PublicRefundsInsert(TypedDict):
    amount: Annotated[int, Field(alias="amount")]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    currency: Annotated[str, Field(alias="currency")]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    idempotency_key: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="idempotency_key")]]
    order_id: Annotated[uuid.UUID, Field(alias="order_id")]
    reason: Annotated[str, Field(alias="reason")]
    reference: NotRequired[Annotated[Optional[str], Field(alias="reference")]]
    requested_by: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="requested_by")]]
    revision: Annotated[int, Field(alias="revision")]
    status: NotRequired[Annotated[str, Field(alias="status")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]

class PublicRefundsUpdate(TypedDict):
    amount: NotRequired[Annotated[int, Field(alias="amount")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    currency: NotRequired[Annotated[str, Field(alias="currency")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    idempotency_key: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="idempotency_key")]]
    order_id: NotRequired[Annotated[uuid.UUID, Field(alias="order_id")]]
    reason: NotRequired[Annotated[str, Field(alias="reason")]]
    reference: NotRequired[Annotated[Optional[str], Field(alias="reference")]]
    requested_by: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="requested_by")]]
    revision: NotRequired[Annotated[int, Field(alias="revision")]]
    status: NotRequired[Annotated[str, Field(alias="status")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]

class PublicReports(BaseModel):
    created_at: datetime.datetime = Field(alias="created_at")
    data: JsonValue = Field(alias="data")
    id: uuid.UUID = Field(alias="id")
    kind: str = Field(alias="kind")
    period_end: datetime.datetime = Field(alias="period_end")
    period_start: datetime.datetime = Field(alias="period_start")

class PublicReportsInsert(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    data: Annotated[JsonValue, Field(alias="data")]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    kind: Annotated[str, Field(alias="kind")]
    period_end: Annotated[datetime.datetime, Field(alias="period_end")]
    period_start: Annotated[datetime.datetime, Field(alias="period_start")]

class PublicReportsUpdate(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    data: NotRequired[Annotated[JsonValue, Field(alias="data")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    kind: NotRequired[Annotated[str, Field(alias="kind")]]
    period_end: NotRequired[Annotated[datetime.datetime, Field(alias="period_end")]]
    period_start: NotRequired[Annotated[datetime.datetime, Field(alias="period_start")]]

class PublicShipments(BaseModel):
    carrier: str = Field(alias="carrier")
    created_at: datetime.datetime = Field(alias="created_at")
    delivered_at: Optional[datetime.datetime] = Field(alias="delivered_at")
    id: uuid.UUID = Field(alias="id")
    order_id: uuid.UUID = Field(alias="order_id")
    tracking_number: str = Field(alias="tracking_number")
    user_id: Optional[uuid.UUID] = Field(alias="user_id")

class PublicShipmentsInsert(TypedDict):
    carrier: Annotated[str, Field(alias="carrier")]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    delivered_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="delivered_at")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    order_id: Annotated[uuid.UUID, Field(alias="order_id")]
    tracking_number: Annotated[str, Field(alias="tracking_number")]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]

class PublicShipmentsUpdate(TypedDict):
    carrier: NotRequired[Annotated[str, Field(alias="carrier")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    delivered_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="delivered_at")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    order_id: NotRequired[Annotated[uuid.UUID, Field(alias="order_id")]]
    tracking_number: NotRequired[Annotated[str, Field(alias="tracking_number")]]
    user_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="user_id")]]

class PublicStockMovements(BaseModel):
    created_at: datetime.datetime = Field(alias="created_at")
    id: int = Field(alias="id")
    idempotency_key: Optional[uuid.UUID] = Field(alias="idempotency_key")
    kind: PublicStockMovementKind = Field(alias="kind")
    moved_by: Optional[uuid.UUID] = Field(alias="moved_by")
    note: str = Field(alias="note")
    on_hand_change: int = Field(alias="on_hand_change")
    order_id: Optional[uuid.UUID] = Field(alias="order_id")
    product_id: uuid.UUID = Field(alias="product_id")
    reserved_change: int = Field(alias="reserved_change")

class PublicStockMovementsInsert(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    id: NotRequired[Annotated[int, Field(alias="id")]]
    idempotency_key: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="idempotency_key")]]
    kind: Annotated[PublicStockMovementKind, Field(alias="kind")]
    moved_by: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="moved_by")]]
    note: NotRequired[Annotated[str, Field(alias="note")]]
    on_hand_change: Annotated[int, Field(alias="on_hand_change")]
    order_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="order_id")]]
    product_id: Annotated[uuid.UUID, Field(alias="product_id")]
    reserved_change: Annotated[int, Field(alias="reserved_change")]

class PublicStockMovementsUpdate(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    id: NotRequired[Annotated[int, Field(alias="id")]]
    idempotency_key: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="idempotency_key")]]
    kind: NotRequired[Annotated[PublicStockMovementKind, Field(alias="kind")]]
    moved_by: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="moved_by")]]
    note: NotRequired[Annotated[str, Field(alias="note")]]
    on_hand_change: NotRequired[Annotated[int, Field(alias="on_hand_change")]]
    order_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="order_id")]]
    product_id: NotRequired[Annotated[uuid.UUID, Field(alias="product_id")]]
    reserved_change: NotRequired[Annotated[int, Field(alias="reserved_change")]]

class PublicWebhookAttempts(BaseModel):
    delivery_id: int = Field(alias="delivery_id")
    ended_at: datetime.datetime = Field(alias="ended_at")
    error: Optional[str] = Field(alias="error")
    milliseconds: Optional[int] = Field(alias="milliseconds")
    number: int = Field(alias="number")
    response: Optional[str] = Field(alias="response")
    status_code: Optional[int] = Field(alias="status_code")

class PublicWebhookAttemptsInsert(TypedDict):
    delivery_id: Annotated[int, Field(alias="delivery_id")]
    ended_at: NotRequired[Annotated[datetime.datetime, Field(alias="ended_at")]]
    error: NotRequired[Annotated[Optional[str], Field(alias="error")]]
    milliseconds: NotRequired[Annotated[Optional[int], Field(alias="milliseconds")]]
    number: Annotated[int, Field(alias="number")]
    response: NotRequired[Annotated[Optional[str], Field(alias="response")]]
    status_code: NotRequired[Annotated[Optional[int], Field(alias="status_code")]]

class PublicWebhookAttemptsUpdate(TypedDict):
    delivery_id: NotRequired[Annotated[int, Field(alias="delivery_id")]]
    ended_at: NotRequired[Annotated[datetime.datetime, Field(alias="ended_at")]]
    error: NotRequired[Annotated[Optional[str], Field(alias="error")]]
    milliseconds: NotRequired[Annotated[Optional[int], Field(alias="milliseconds")]]
    number: NotRequired[Annotated[int, Field(alias="number")]]
    response: NotRequired[Annotated[Optional[str], Field(alias="response")]]
    status_code: NotRequired[Annotated[Optional[int], Field(alias="status_code")]]

class PublicWebhookDeliveries(BaseModel):
    created_at: datetime.datetime = Field(alias="created_at")
    delivered_at: Optional[datetime.datetime] = Field(alias="delivered_at")
    due_at: datetime.datetime = Field(alias="due_at")
    endpoint_id: uuid.UUID = Field(alias="endpoint_id")
    error: Optional[str] = Field(alias="error")
    event_id: Optional[int] = Field(alias="event_id")
    failures: int = Field(alias="failures")
    id: int = Field(alias="id")
    leased_until: Optional[datetime.datetime] = Field(alias="leased_until")
    order_id: Optional[uuid.UUID] = Field(alias="order_id")
    payload: JsonValue = Field(alias="payload")
    starts: int = Field(alias="starts")
    status: str = Field(alias="status")
    type: str = Field(alias="type")
    version: Optional[int] = Field(alias="version")
    webhook_id: str = Field(alias="webhook_id")

class PublicWebhookDeliveriesInsert(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    delivered_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="delivered_at")]]
    due_at: NotRequired[Annotated[datetime.datetime, Field(alias="due_at")]]
    endpoint_id: Annotated[uuid.UUID, Field(alias="endpoint_id")]
    error: NotRequired[Annotated[Optional[str], Field(alias="error")]]
    event_id: NotRequired[Annotated[Optional[int], Field(alias="event_id")]]
    failures: NotRequired[Annotated[int, Field(alias="failures")]]
    id: NotRequired[Annotated[int, Field(alias="id")]]
    leased_until: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="leased_until")]]
    order_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="order_id")]]
    payload: Annotated[JsonValue, Field(alias="payload")]
    starts: NotRequired[Annotated[int, Field(alias="starts")]]
    status: NotRequired[Annotated[str, Field(alias="status")]]
    type: Annotated[str, Field(alias="type")]
    version: NotRequired[Annotated[Optional[int], Field(alias="version")]]
    webhook_id: Annotated[str, Field(alias="webhook_id")]

class PublicWebhookDeliveriesUpdate(TypedDict):
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    delivered_at: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="delivered_at")]]
    due_at: NotRequired[Annotated[datetime.datetime, Field(alias="due_at")]]
    endpoint_id: NotRequired[Annotated[uuid.UUID, Field(alias="endpoint_id")]]
    error: NotRequired[Annotated[Optional[str], Field(alias="error")]]
    event_id: NotRequired[Annotated[Optional[int], Field(alias="event_id")]]
    failures: NotRequired[Annotated[int, Field(alias="failures")]]
    id: NotRequired[Annotated[int, Field(alias="id")]]
    leased_until: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="leased_until")]]
    order_id: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="order_id")]]
    payload: NotRequired[Annotated[JsonValue, Field(alias="payload")]]
    starts: NotRequired[Annotated[int, Field(alias="starts")]]
    status: NotRequired[Annotated[str, Field(alias="status")]]
    type: NotRequired[Annotated[str, Field(alias="type")]]
    version: NotRequired[Annotated[Optional[int], Field(alias="version")]]
    webhook_id: NotRequired[Annotated[str, Field(alias="webhook_id")]]

class PublicWebhookEndpoints(BaseModel):
    active: bool = Field(alias="active")
    created_at: datetime.datetime = Field(alias="created_at")
    created_by: Optional[uuid.UUID] = Field(alias="created_by")
    description: str = Field(alias="description")
    disabled_reason: Optional[str] = Field(alias="disabled_reason")
    event_types: List[str] = Field(alias="event_types")
    failed_attempts: int = Field(alias="failed_attempts")
    failing_since: Optional[datetime.datetime] = Field(alias="failing_since")
    failures: int = Field(alias="failures")
    id: uuid.UUID = Field(alias="id")
    paused_until: Optional[datetime.datetime] = Field(alias="paused_until")
    updated_at: datetime.datetime = Field(alias="updated_at")
    url: str = Field(alias="url")

class PublicWebhookEndpointsInsert(TypedDict):
    active: NotRequired[Annotated[bool, Field(alias="active")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    created_by: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="created_by")]]
    description: NotRequired[Annotated[str, Field(alias="description")]]
    disabled_reason: NotRequired[Annotated[Optional[str], Field(alias="disabled_reason")]]
    event_types: Annotated[List[str], Field(alias="event_types")]
    failed_attempts: NotRequired[Annotated[int, Field(alias="failed_attempts")]]
    failing_since: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="failing_since")]]
    failures: NotRequired[Annotated[int, Field(alias="failures")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    paused_until: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="paused_until")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    url: Annotated[str, Field(alias="url")]

class PublicWebhookEndpointsUpdate(TypedDict):
    active: NotRequired[Annotated[bool, Field(alias="active")]]
    created_at: NotRequired[Annotated[datetime.datetime, Field(alias="created_at")]]
    created_by: NotRequired[Annotated[Optional[uuid.UUID], Field(alias="created_by")]]
    description: NotRequired[Annotated[str, Field(alias="description")]]
    disabled_reason: NotRequired[Annotated[Optional[str], Field(alias="disabled_reason")]]
    event_types: NotRequired[Annotated[List[str], Field(alias="event_types")]]
    failed_attempts: NotRequired[Annotated[int, Field(alias="failed_attempts")]]
    failing_since: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="failing_since")]]
    failures: NotRequired[Annotated[int, Field(alias="failures")]]
    id: NotRequired[Annotated[uuid.UUID, Field(alias="id")]]
    paused_until: NotRequired[Annotated[Optional[datetime.datetime], Field(alias="paused_until")]]
    updated_at: NotRequired[Annotated[datetime.datetime, Field(alias="updated_at")]]
    url: NotRequired[Annotated[str, Field(alias="url")]]
