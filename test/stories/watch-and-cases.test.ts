import { afterEach, expect, test } from 'vitest'
import type { Actor, Refused } from '../../control/contract.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { flow, set } from '../kit/flow-builder.ts'
import { until } from '../kit/planes.ts'
import { admin, openWhole } from '../kit/whole-product.ts'

let whole: Awaited<ReturnType<typeof openWhole>>
afterEach(async () => await whole.close())

const gated = { env: [{ name: 'SLUICE_CASES', value: 'gate', type: 'str' }] }
const hello = (greeting: string, tab: Record<string, unknown> = {}): EditorNode[] => flow('hello', tab).httpIn('GET', '/hello').change(set('payload', greeting)).httpResponse().nodes()

test('a request is watched through control, saved as a case, and from then on a deploy has to pass it', async () => {
  whole = await openWhole()
  const { watching } = whole.control
  const deploy = (nodes: readonly EditorNode[]) => whole.control.flows.deploy({ nodes, user: admin })
  await deploy(hello('good day'))
  const { id: watch } = await watching.watch({ flow: 'hello', next: 1, forMs: 60_000 }, admin)
  const reply = await fetch(`${whole.url}/hello`)
  expect(await reply.text()).toBe('good day')
  const { runs } = await watching.list({ flow: 'hello', watch, limit: 10 }, admin)
  expect(runs).toHaveLength(1)
  const run = await watching.get(runs[0]!.id, admin)
  expect(run.steps.map(({ type }) => type)).toEqual(['http in', 'change', 'http response'])

  const made = await watching.toCase(run.id, 'greets', admin)
  await watching.saveCases('hello', [made], admin)
  expect((await watching.runCases('hello', hello('good day'), undefined, admin)).results).toMatchObject([{ name: 'greets', ok: true }])
  expect((await watching.replay(run.id, hello('good night'), admin)).differences).toEqual(['body: "good day" → "good night"'])

  // Without asking for it nothing is held up.
  await deploy(hello('good night'))
  const refused = await deploy(hello('good evening', gated)).catch((thrown: unknown) => thrown as Refused)
  expect(refused).toMatchObject({ code: 'deploy.refused', status: 422, problems: [{ code: 'cases.failed', flow: 'hello', message: expect.stringContaining('“greets”') }] })
  expect(await (await fetch(`${whole.url}/hello`)).text()).toBe('good night')
  await deploy(hello('good day', gated))
  expect(await (await fetch(`${whole.url}/hello`)).text()).toBe('good day')
  // What is live can be brought back whatever the cases say.
  await whole.control.releases.rollback(2, admin)
  await until(async () => (await (await fetch(`${whole.url}/hello`)).text()) === 'good night')
})

test('somebody of another organisation sees nothing of what passes through a flow', async () => {
  whole = await openWhole()
  await whole.control.flows.deploy({ nodes: hello('hi'), user: admin })
  await whole.control.users.create({ name: 'vera', role: 'viewer', password: 'open sesame 2' }, admin)
  const vera: Actor = { name: 'vera', role: 'viewer', from: 'test' }
  const { watching } = whole.control
  await expect(watching.watch({ flow: 'hello', next: 1, forMs: 1000 }, vera)).rejects.toMatchObject({ code: 'auth.role' })
  await watching.watch({ flow: 'hello', next: 1, forMs: 60_000 }, admin)
  await fetch(`${whole.url}/hello`)
  const [run] = (await watching.list({ flow: 'hello', limit: 1 }, admin)).runs
  await expect(watching.get(run!.id, vera)).rejects.toMatchObject({ code: 'auth.role' })
})
