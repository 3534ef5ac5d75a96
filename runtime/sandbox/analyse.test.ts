import { expect, it } from 'vitest'
import { analyse } from './analyse.ts'

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
