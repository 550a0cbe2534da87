"""The back office: all its parts."""

from orderbase._auth import AsyncAuth
from orderbase._blocking import Blocking
from orderbase._portal import Portal
from orderbase._send import Sender
from orderbase.staff._alarms import Alarms, AsyncAlarms
from orderbase.staff._dead_letters import AsyncDeadLetters, DeadLetters
from orderbase.staff._emails import AsyncEmails, Emails
from orderbase.staff._experiments import AsyncExperiments, Experiments
from orderbase.staff._images import AsyncImages, Images
from orderbase.staff._jobs import AsyncJobs, Jobs
from orderbase.staff._orders import AsyncStaffOrders, StaffOrders
from orderbase.staff._products import AsyncStaffProducts, StaffProducts
from orderbase.staff._reports import AsyncReports, Reports
from orderbase.staff._stock import AsyncStock, Stock
from orderbase.staff._users import AsyncUsers, Users
from orderbase.staff._webhooks import AsyncWebhooks, Webhooks


class AsyncStaff:
    """What only the shop's staff may do.

    Every method raises AuthError when nobody is signed in, and PermissionDenied ("staff_only")
    when that is not one of the staff.
    """

    def __init__(self, sender: Sender, auth: AsyncAuth) -> None:
        self.orders = AsyncStaffOrders(sender, auth)
        self.stock = AsyncStock(sender, auth)
        self.products = AsyncStaffProducts(sender, auth)
        self.images = AsyncImages(sender, auth)
        self.users = AsyncUsers(sender, auth)
        self.emails = AsyncEmails(sender, auth)
        self.dead_letters = AsyncDeadLetters(sender, auth)
        self.alarms = AsyncAlarms(sender, auth)
        self.jobs = AsyncJobs(sender, auth)
        self.webhooks = AsyncWebhooks(sender, auth)
        self.reports = AsyncReports(sender, auth)
        self.experiments = AsyncExperiments(sender, auth)


class Staff(Blocking[AsyncStaff]):
    """See AsyncStaff: the same, and each method waits."""

    def __init__(self, portal: Portal, asynchronous: AsyncStaff) -> None:
        super().__init__(portal, asynchronous)
        self.orders = StaffOrders(portal, asynchronous.orders)
        self.stock = Stock(portal, asynchronous.stock)
        self.products = StaffProducts(portal, asynchronous.products)
        self.images = Images(portal, asynchronous.images)
        self.users = Users(portal, asynchronous.users)
        self.emails = Emails(portal, asynchronous.emails)
        self.dead_letters = DeadLetters(portal, asynchronous.dead_letters)
        self.alarms = Alarms(portal, asynchronous.alarms)
        self.jobs = Jobs(portal, asynchronous.jobs)
        self.webhooks = Webhooks(portal, asynchronous.webhooks)
        self.reports = Reports(portal, asynchronous.reports)
        self.experiments = Experiments(portal, asynchronous.experiments)
