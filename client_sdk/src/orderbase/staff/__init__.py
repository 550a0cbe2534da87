"""The shop's back office: `shop.staff`.

    async with AsyncOrderbase(url, key) as shop:
        await shop.auth.sign_in(email=..., password=...)
        await shop.staff.orders.ship(order_id, carrier="dhl", tracking_number="JD0001")

It is imported when `shop.staff` is used first.
"""

from orderbase._order_filters import StaffOrderFilters
from orderbase.models.payments import Payment, PaymentStatus
from orderbase.staff._alarms import Alarm, Alarms, AsyncAlarms
from orderbase.staff._dead_letters import (
    AsyncDeadLetters,
    DeadLetter,
    DeadLetterAction,
    DeadLetterResolution,
    DeadLetters,
    FailedAttempt,
)
from orderbase.staff._emails import AsyncEmails, Email, EmailFilters, Emails, EmailStatus
from orderbase.staff._experiments import (
    ArmResults,
    AsyncExperiments,
    Experiment,
    ExperimentArm,
    ExperimentResults,
    Experiments,
)
from orderbase.staff._image_models import ProductUpload, UploadRefusal, UploadStatus
from orderbase.staff._images import AsyncImages, Images
from orderbase.staff._jobs import AsyncJobs, JobHealth, JobRun, JobRunStatus, Jobs
from orderbase.staff._order_models import (
    HistoryEntry,
    HistoryKind,
    Refund,
    RefundStatus,
    Shipment,
    ShippingFailure,
)
from orderbase.staff._orders import AsyncStaffOrders, StaffOrders
from orderbase.staff._product_models import (
    CountryPrice,
    ProductChanges,
    ProductOptions,
    StaffProduct,
)
from orderbase.staff._products import AsyncStaffProducts, StaffProducts
from orderbase.staff._report_models import (
    BestSeller,
    DailySales,
    HourlyReport,
    Report,
    ReportKind,
    SalesSummary,
)
from orderbase.staff._reports import AsyncReports, Reports
from orderbase.staff._staff import AsyncStaff, Staff
from orderbase.staff._stock import AsyncStock, Stock
from orderbase.staff._stock_models import StockLevel, StockMovement, StockMovementKind
from orderbase.staff._uploading import Content
from orderbase.staff._users import AsyncUsers, UserAccount, Users
from orderbase.staff._webhook_deliveries import AsyncWebhookDeliveries, WebhookDeliveries
from orderbase.staff._webhook_models import (
    NewWebhookEndpoint,
    WebhookAttempt,
    WebhookDelivery,
    WebhookDeliveryStatus,
    WebhookDisabledReason,
    WebhookEndpoint,
)
from orderbase.staff._webhooks import AsyncWebhooks, Webhooks

__all__ = [
    "Alarm",
    "Alarms",
    "ArmResults",
    "AsyncAlarms",
    "AsyncDeadLetters",
    "AsyncEmails",
    "AsyncExperiments",
    "AsyncImages",
    "AsyncJobs",
    "AsyncReports",
    "AsyncStaff",
    "AsyncStaffOrders",
    "AsyncStaffProducts",
    "AsyncStock",
    "AsyncUsers",
    "AsyncWebhookDeliveries",
    "AsyncWebhooks",
    "BestSeller",
    "Content",
    "CountryPrice",
    "DailySales",
    "DeadLetter",
    "DeadLetterAction",
    "DeadLetterResolution",
    "DeadLetters",
    "Email",
    "EmailFilters",
    "EmailStatus",
    "Emails",
    "Experiment",
    "ExperimentArm",
    "ExperimentResults",
    "Experiments",
    "FailedAttempt",
    "HistoryEntry",
    "HistoryKind",
    "HourlyReport",
    "Images",
    "JobHealth",
    "JobRun",
    "JobRunStatus",
    "Jobs",
    "NewWebhookEndpoint",
    "Payment",
    "PaymentStatus",
    "ProductChanges",
    "ProductOptions",
    "ProductUpload",
    "Refund",
    "RefundStatus",
    "Report",
    "ReportKind",
    "Reports",
    "SalesSummary",
    "Shipment",
    "ShippingFailure",
    "Staff",
    "StaffOrderFilters",
    "StaffOrders",
    "StaffProduct",
    "StaffProducts",
    "Stock",
    "StockLevel",
    "StockMovement",
    "StockMovementKind",
    "UploadRefusal",
    "UploadStatus",
    "UserAccount",
    "Users",
    "WebhookAttempt",
    "WebhookDeliveries",
    "WebhookDelivery",
    "WebhookDeliveryStatus",
    "WebhookDisabledReason",
    "WebhookEndpoint",
    "Webhooks",
]
