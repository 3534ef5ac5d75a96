import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EditorNode } from '../core/flow.ts'
import { checkPastedSecrets } from './check-pasted-secrets.ts'
import { splitFlows } from './split.ts'

const check = (properties: object, tab: object = {}) =>
  splitFlows([{ id: 't', type: 'tab', label: 'T', ...tab }, { id: 'n', type: 'work', z: 't', ...properties }]).flatMap((document) => checkPastedSecrets(document))

const letters = (length: number, from = 'aB3dE6gH1jK4mN7pQ0sT2vW5yZ8') => Array.from({ length }, (_, at) => from[(at * 7 + (at >> 3)) % from.length]).join('')
const hex = (length: number) => letters(length, '0f3a9c71e58bd264')
const privateKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const jwt = [{ alg: 'HS256', typ: 'JWT' }, { sub: 'somebody', iat: 1 }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') + `.${letters(43)}`

/** Put together here, so that no secret scanner takes them for real ones. */
const planted: Readonly<Record<string, string>> = {
  'AWS access key': `AK${'IA'}${'Q3EGRIJ5WA2ZT7MB'}`,
  'AWS secret key': `aws_secret_${'access_key'} = ${letters(40)}`,
  'Google API key': `AI${'za'}${letters(35)}`,
  'Google client secret': `GOC${'SPX'}-${letters(28)}`,
  'Azure account key': `DefaultEndpointsProtocol=https;AccountName=a;Account${'Key'}=${letters(86)}==`,
  'Azure client secret': `abc8${'Q~'}${letters(33)}`,
  'Azure access signature': `https://a.blob.core.windows.net/c?sv=2022-11-02&sig=${letters(43)}%3D`,
  'GitHub token': `gh${'p'}_${letters(36)}`,
  'GitHub token (fine-grained)': `github_${'pat'}_${letters(82)}`,
  'GitLab token': `gl${'pat'}-${letters(20)}`,
  'Slack token': `xo${'xb'}-${letters(40, '1234567890')}-${letters(24)}`,
  'Slack webhook': `https://hooks.${'slack.com'}/services/T12345678/B12345678/${letters(24)}`,
  'Telegram token': `123456789:${'AA'}${letters(33)}`,
  'Stripe key': `sk_${'live'}_${letters(24)}`,
  'npm token': `np${'m'}_${letters(36)}`,
  'SendGrid key': `S${'G'}.${letters(22)}.${letters(43)}`,
  'model key': `sk-${'proj'}-${letters(48)}`,
  'our key': `slk_${letters(12)}.${letters(43)}`,
  'private key': privateKey,
  'private key in code': JSON.stringify(privateKey),
  JWT: jwt,
  'URL password': 'postgres://app:Tr0ub4dor-and-3@db.internal/orders',
  Basic: `Authorization: Basic ${Buffer.from('ann:correct-horse-9').toString('base64')}`,
  Bearer: `Bearer ${letters(32)}`,
}

test.each(Object.entries(planted))('finds a pasted secret wherever it stands in a node, and says its kind only: %s', (_name, secret) => {
  const places = [{ func: `const call = { header: ${JSON.stringify(secret)} }\nreturn msg` }, { template: `text ${secret} text` }, { rules: [{ t: 'set', p: 'payload', to: secret, tot: 'str' }] }, { info: `use ${secret}` }]
  for (const place of places) {
    const problems = check(place)
    expect(problems).toMatchObject([{ severity: 'error', code: 'secret.pasted', flow: 't', node: 'n', property: Object.keys(place)[0] }])
    for (const part of secret.split(/[\s:@/]+/).filter((text) => text.length > 12 && !text.includes('.'))) expect(JSON.stringify(problems)).not.toContain(part)
  }
  expect(check({}, { info: secret })).toMatchObject([{ code: 'secret.pasted', flow: 't', property: 'info' }])
})

const random = letters(24)
test.each([
  ['a field', { password: random }],
  ['a field inside', { options: { auth: { clientSecret: random } } }],
  ['a hexadecimal field', { apiToken: hex(32) }],
  ['a UUID by such a name', { token: 'c3f0a7d1-94b2-4e68-8f5a-1d7b20c6e983' }],
  ['a header of a callout', { headers: [{ name: 'X-Api-Key', value: random, valueType: 'str' }] }],
  ['a header of an http request', { headers: [{ keyType: 'other', keyValue: 'x-api-key', valueType: 'other', valueValue: random }] }],
  ['a rule', { rules: [{ t: 'set', p: 'headers["x-api-key"]', to: random, tot: 'str' }] }],
  ['code', { func: `msg.headers = { 'x-api-key': '${random}' }\nreturn msg` }],
  ['an assignment', { func: `const password = "${random}"` }],
  ['JSON in text', { payload: `{"user":"a","client_secret":"${random}"}` }],
  ['a query', { url: `https://api.example.org/v1?lang=en&api_key=${random}` }],
  ['a form', { template: `grant_type=client_credentials&client_secret=${random}&scope=a` }],
  ['XML', { template: `<wsse:Password Type="Text">${random}</wsse:Password>` }],
  ['a header that says of what kind it is', { headers: [{ name: 'Authorization', value: `Token ${random}`, valueType: 'str' }] }],
  ['the same in code', { func: `msg.headers = { Authorization: 'ApiKey ${random}' }` }],
  ['a variable', { env: [{ name: 'PARTNER_TOKEN', type: 'str', value: random }] }],
])('finds a random value by the name that it goes by: %s', (_name, properties) => {
  const problems = check(properties)
  expect(problems).toMatchObject([{ code: 'secret.pasted', node: 'n' }])
  expect(JSON.stringify(problems)).not.toContain(random)
})

test.each([
  ['references', { headers: [{ name: 'Authorization', value: 'Bearer {{secret:partner.token}}', valueType: 'str' }, { name: 'X-Api-Key', value: '${PARTNER_KEY_2}', valueType: 'str' }] }],
  ['paths', { token: 'req.headers.authorization', apiKey: 'payload.key2', rules: [{ t: 'set', p: 'token', to: 'payload.session1.token', tot: 'msg' }, { t: 'set', p: 'payload.token', to: '$uuid() & $string($millis())', tot: 'jsonata' }] }],
  ['names', { keyName: 'X-API-Key', tokenType: 'bearer', secret: 'partner-secret-2', clientSecret: 'orders_v2_secret', password: 'password123', tokenUrl: 'https://auth.example.org/oauth2/v1/token' }],
  ['code that reads secrets', { func: 'const token = env.get("PARTNER_TOKEN_V2")\nmsg.headers = { authorization: `Bearer ${token}` }\nif (msg.password === "") return null\nconst api_key = msg.req.headers["x-api-key-2"]' }],
  ['example URLs', { info: 'postgres://user:password@host/db, https://{{user}}:{{pass}}@host, redis://:${REDIS_PASSWORD}@cache' }],
  ['placeholders', { payload: '{"password":"<your-password-1>","token":"xxxxxxxxxxxxxxxx","apiKey":"YOUR-API-KEY-HERE-123"}' }],
  ['Chinese text', { template: '密碼：請輸入您的密碼，token：由系統發出的權杖，長度二十個字元以上。password："請勿使用生日或電話號碼１２３４"' }],
  ['schemas', { schema: JSON.stringify({ type: 'object', properties: { password: { type: 'string', minLength: 12, pattern: '^[A-Za-z0-9]{12,}$' }, access_token: { $ref: '#/$defs/token1' } }, required: ['password'] }) }],
  ['JSONata', { expr: '{"token": $base64encode(client.id & ":" & secret), "key": items[type="a1"].key, "password": $substring(password, 0, 2) & "****"}' }],
  ['PEM of a public key', { payload: generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString() }],
  ['a query that a flow fills in', { url: 'https://api.example.org/v1?api_key={{payload.key1}}&token=${TOKEN_2}&page_token=first-page-2' }],
  ['code that computes', { func: 'const token=Buffer.from(x64data).slice(0,8)\nconst secret=await1more2things3(x)\nreturn msg' }],
  ['a header by a reference', { headers: [{ name: 'Authorization', value: 'Token {{secret:shop.token1}}', valueType: 'str' }] }],
  ['XML that a flow fills in', { template: '<Password>{{payload.password1}}</Password><Token>see chapter 12</Token>' }],
  ['a check for PEM', { func: 'if (/-----BEGIN (RSA )?PRIVATE KEY-----/.test(msg.payload)) throw new Error("no private keys")' }],
  ['hashes and ids', { hash: createHash('sha256').update('a').digest('hex'), etag: `"${createHash('sha1').update('a').digest('base64')}"`, key: randomUUID(), correlation: randomUUID(), integrity: `sha512-${createHash('sha512').update('a').digest('base64')}` }],
  ['pictures', { template: `<img src="data:image/png;base64,${randomBytes(30_000).toString('base64')}">` }],
])('does not take for a secret what is none: %s', (_name, properties) => {
  expect(check(properties)).toEqual([])
})

test('finds nothing in any flow that comes with the product', () => {
  const root = join(import.meta.dirname, '../..')
  const files = globSync(['flows/**/*.json', 'test/**/*.json', 'node_modules/@node-red/nodes/examples/**/*.json'], { cwd: root })
  let looked = 0
  const found = files.flatMap((file) => {
    const json: unknown = JSON.parse(readFileSync(join(root, file), 'utf8'))
    if (!Array.isArray(json) || !json.every((one: unknown) => typeof (one as EditorNode | null)?.type === 'string')) return []
    looked++
    return splitFlows(json as EditorNode[]).flatMap((document) => checkPastedSecrets(document)).map(({ message }) => `${file}: ${message}`)
  })
  expect(looked).toBeGreaterThan(30)
  expect(found).toEqual([])
})

test('random ids in ordinary fields are no secrets', () => {
  const texts = fc.oneof(fc.uuid(), fc.string(), fc.string({ unit: 'grapheme' }), fc.base64String({ maxLength: 200 }), fc.json({ maxDepth: 2 }))
  fc.assert(
    fc.property(texts, texts, (one, other) => {
      expect(check({ topic: one, template: other, rules: [{ p: 'payload', to: one, tot: 'str' }] })).toEqual([])
    }),
    { numRuns: 100 },
  )
})

test('a place that its tab says holds no secret is passed over, and no other', () => {
  const tab = { env: [{ name: 'SLUICE_NOT_SECRET', type: 'str', value: 'other/func, n/func' }] }
  expect(check({ func: planted.JWT }, tab)).toEqual([])
  expect(check({ func: planted.JWT, template: planted.JWT }, tab)).toMatchObject([{ property: 'template' }])
})

test('a list of places is none itself, however random the ids of its nodes look', () => {
  const places = 'fb49f7bc7a95130a/operation,e72031c5f160d526/body'
  expect(check({}, { env: [{ name: 'SLUICE_NOT_SECRET', type: 'str', value: places }] })).toEqual([])
  expect(check({}, { env: [{ name: 'MY_SECRET', type: 'str', value: places }] })).toMatchObject([{ property: 'env' }])
})

test('credentials are not looked at, and a text of a megabyte takes no noticeable time', () => {
  expect(check({ credentials: { password: random } })).toEqual([])
  for (const text of [randomBytes(750_000).toString('base64'), 'eyJ'.repeat(330_000), 'password'.repeat(125_000), `${'a'.repeat(500_000)}:${'/'.repeat(500_000)}`, 'https://a:'.repeat(100_000)]) expect(check({ template: text })).toEqual([])
})

test('a secret in the credentials of a flow that comes in as a file is none that was pasted', () => {
  expect(check({ env: [{ name: 'PARTNER_TOKEN', type: 'cred', value: random }] }, { env: [{ name: 'KEY', type: 'cred', value: planted['Stripe key'] }] })).toEqual([])
})
