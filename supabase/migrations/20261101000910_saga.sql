-- Generated from functions/orders/saga.py by scripts/saga. Do not edit.
set lock_timeout = '5s';
set statement_timeout = '60s';

insert into private.steps (name, due_in, compensated_by) values
('refund', null, null),
('charge', 'placed', 'refund'),
('ship', 'paid', null),
('capture', 'shipped', 'refund');

insert into private.status_changes (from_status, to_status) values
('completed', 'refunded'),
('paid', 'cancelled'),
('paid', 'out_of_stock'),
('paid', 'shipped'),
('paid', 'shipping_failed'),
('placed', 'cancelled'),
('placed', 'paid'),
('placed', 'payment_failed'),
('shipped', 'completed'),
('shipped', 'refunded');
