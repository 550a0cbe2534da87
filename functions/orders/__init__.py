"""Takes orders from placed to shipped: charges the payment method, then hands over the parcel."""
