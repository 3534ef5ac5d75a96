import type { EditorNode } from '../../runtime/core/flow.ts'
import { estate, flow, set } from '../kit/flow-builder.ts'

/**
 * A flow whose answer says, node by node, which version each ran on: `/versions` at once, `/slow` after
 * ten seconds in the middle. The version is in the text of every node, so a mixed run cannot hide.
 */
export function versioned(version: number, slowMs = 10_000): EditorNode[] {
  const add = `msg.versions = [...msg.versions, ${version}]\nreturn msg`
  const answer = `msg.payload = { id: msg.req.query.id, versions: [...msg.versions, ${version}] }\nreturn msg`
  return estate(
    flow('versions').httpIn('GET', '/versions').change(set('versions', [version])).fn(add).fn(`${add} // again`).change(set('kind', `v${version}`)).fn(answer).httpResponse(),
    flow('slow').httpIn('GET', '/slow').change(set('versions', [version])).fn(add).fn(`await new Promise((resolve) => setTimeout(resolve, ${slowMs}))\nreturn msg`).fn(answer).httpResponse(),
  )
}

/** Estates that must be refused, each for another reason. */
export function broken(version: number): EditorNode[] {
  const good = versioned(version)
  const bad = [
    () => flow('bad').httpIn('GET', '/bad').fn('return {').httpResponse(),
    () => flow('bad').httpIn('GET', '/versions').httpResponse(),
    () => flow('bad').httpIn('GET', '/bad').node('no such node').httpResponse(),
    () => flow('bad').httpIn('GET', '/bad').change({ t: 'set', p: 'payload', pt: 'msg', to: '1 +', tot: 'jsonata' }).httpResponse(),
    () => flow('bad').httpIn('GET', '/bad').fn('return msg', { wires: [['nowhere']] }),
  ]
  return [...good, ...(bad[version % bad.length] as (typeof bad)[number])().nodes()]
}
