// The same promises, through the official JavaScript client. Prints "ok" or throws.
import { createClient } from '@supabase/supabase-js'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import ws from 'ws'

const { URL_, PUBLISHABLE_KEY, SECRET_KEY } = process.env
const connect = (key) => createClient(URL_, key, { auth: { persistSession: false }, realtime: { transport: ws } })
const must = ({ data, error }) => {
  assert.equal(error, null, JSON.stringify(error))
  return data
}

const admin = connect(SECRET_KEY)
const email = `conformance-${randomUUID()}@example.com`
const password = randomUUID()
const { user } = must(await admin.auth.admin.createUser({ email, password, email_confirm: true }))
const bucket = `conformance-${randomUUID()}`
const client = connect(PUBLISHABLE_KEY)
try {
  const { session } = must(await client.auth.signInWithPassword({ email, password }))
  const refreshed = must(await client.auth.refreshSession())
  assert.notEqual(refreshed.session.refresh_token, session.refresh_token)
  assert.equal(must(await client.auth.getClaims()).claims.sub, user.id)
  assert.equal((await connect(PUBLISHABLE_KEY).auth.signInWithPassword({ email, password: 'x' })).error.code, 'invalid_credentials')

  const { data, count } = await client.from('products').select('name', { count: 'exact' }).order('name').range(0, 4)
  assert.equal(data.length, 5)
  assert.ok(count >= 24)
  assert.equal(must(await client.from('preferences').update({ newsletter: true }).eq('user_id', user.id).select()).length, 1)
  assert.equal((await client.from('orders').insert({ total: 1 })).error.code, '42501')

  must(await admin.storage.createBucket(bucket, { public: true }))
  must(await admin.storage.from(bucket).upload('a/one.txt', new Blob(['hello']), { contentType: 'text/plain' }))
  const { publicUrl } = client.storage.from(bucket).getPublicUrl('a/one.txt').data
  assert.equal(await (await fetch(publicUrl)).text(), 'hello')
  assert.ok((await client.storage.from(bucket).upload('b.txt', new Blob(['x']))).error)

  const topic = `conformance-${randomUUID()}`
  const heard = new Promise((resolve) => {
    client.channel(topic).on('broadcast', { event: 'hello' }, ({ payload }) => resolve(payload)).subscribe(async (status) => {
      if (status !== 'SUBSCRIBED') return
      const speaker = admin.channel(topic)
      speaker.subscribe((joined) => joined === 'SUBSCRIBED' && speaker.send({ type: 'broadcast', event: 'hello', payload: { n: 1 } }))
    })
  })
  assert.deepEqual(await heard, { n: 1 })

  must(await client.auth.signOut())
  // The client turns Auth's session_not_found into an error class of its own.
  assert.equal((await connect(PUBLISHABLE_KEY).auth.getUser(refreshed.session.access_token)).error.name, 'AuthSessionMissingError')
} finally {
  await admin.storage.emptyBucket(bucket)
  await admin.storage.deleteBucket(bucket)
  must(await admin.auth.admin.deleteUser(user.id))
}
console.log('ok')
process.exit(0)
