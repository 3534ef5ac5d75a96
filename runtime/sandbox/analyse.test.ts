import { expect, it } from 'vitest'
import { analyse } from './analyse.ts'
import { openBench } from './test-bench.ts'

it.each([
  ['nothing', `msg.payload = Math.max(1, 2)\nreturn msg`],
  ['nothing', `const all = { flow: 1, run: 2 }\nreturn { payload: all.flow + msg.global }`],
  ['contexts', `flow.set('a', 1); context.flow?.set('b', 2); global['increment']('c'); run.get('d')\nreturn msg`],
  ['contexts', `msg.payload = RED.util.cloneMessage(msg.payload)\nreturn msg`],
  ['globals', `const kept = flow\nkept.set('a', 1)`],
  ['globals', `context.count = 1\nreturn msg`],
  ['globals', `RED.calls = (RED.calls ?? 0) + 1\nreturn msg`],
  ['globals', `globalThis.calls = 1\nflow.set('a', 1)`],
  ['globals', `this.calls = 1\nreturn msg`],
])('what a function can leave behind is known before it runs: %s of “%s”', (reach, code) => {
  expect(analyse(code).reach).toBe(reach)
})

it.each(['await using nothing = null\nreturn msg', 'for (await using nothing of [null]) node.warn("x")\nreturn msg', 'for await (const one of [1]) msg.payload = one\nreturn msg'])('awaiting is known before it runs: “%s”', async (code) => {
  expect(analyse(code).async).toBe(true)
  const script = await openBench().script(code)
  expect(await script.call({})).toHaveLength(1)
})
