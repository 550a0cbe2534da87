// The official JavaScript client, unmodified, as a shopper would use it. Prints one JSON line.
import { createClient } from '@supabase/supabase-js'
import { randomUUID } from 'node:crypto'
import ws from 'ws'

const { SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, PRODUCT_ID } = process.env
const connect = () => createClient(SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, { realtime: { transport: ws } })
const must = ({ data, error }) => {
  if (error) throw new Error(JSON.stringify(error))
  return data
}
const address = { name: 'Test Person', line1: '1 Test Street', city: 'Berlin', postal_code: '10115', country: 'DE' }
const place = (client, changed = {}) =>
  client.rpc('place_order', {
    items: [{ product_id: PRODUCT_ID, quantity: 1 }],
    shipping_address: address,
    payment_method: 'pm_card_visa',
    idempotency_key: randomUUID(),
    ...changed,
  })

async function signUp() {
  const client = connect()
  const email = `${randomUUID()}@example.com`
  const password = randomUUID()
  must(await client.auth.signUp({ email, password }))
  must(await client.auth.signOut({ scope: 'local' }))
  const { user, session } = must(await client.auth.signInWithPassword({ email, password }))
  const refreshed = must(await client.auth.refreshSession())
  return { client, userId: user.id, rotated: refreshed.session.refresh_token !== session.refresh_token }
}

const { client: supabase, userId, rotated } = await signUp()
const { client: stranger } = await signUp()

const inserted = []
const subscribed = new Promise((resolve, reject) => {
  supabase
    .channel('orders')
    .on('postgres_changes', { event: 'INSERT', schema: 'public', table: 'orders', filter: `user_id=eq.${userId}` }, (change) =>
      inserted.push(change.new.id),
    )
    .on('system', {}, (message) => message.status === 'ok' && resolve())
    .subscribe((status, error) => status === 'CHANNEL_ERROR' && reject(error))
})
await subscribed

must(await place(stranger))
const order = must(await place(supabase))
const refused = await place(supabase, { items: [] })

const deadline = Date.now() + 60_000
let rows
do {
  rows = must(
    await supabase
      .from('orders')
      .select('id, status, total, items:order_items(product:products(name, price), quantity)')
      .eq('user_id', userId)
      .order('created_at', { ascending: false }),
  )
} while (Date.now() < deadline && (rows[0].status !== 'completed' || inserted.length === 0))

console.log(
  JSON.stringify({
    rotated,
    order: order.id,
    rows,
    inserted,
    refused: { status: refused.status, details: refused.error.details },
  }),
)
process.exit(0)
