import type { EditorNode } from '../../runtime/core/flow.ts'
import { flow } from '../kit/flow-builder.ts'

export const untouchedPath = '/untouched'

/** Three calls at once; two are looked into, the large body of the third goes into the answer as it came. */
export function untouchedNodes(upstream: number): EditorNode[] {
  const branch = (name: string, unread: boolean) => ({ name, ifFails: 'fail', value: 'null', valueType: 'json', timeoutMs: 0, unread })
  const callout = (path: string) => ({ method: 'GET', url: `http://127.0.0.1:${upstream}/${path}` })
  return flow('untouched').httpIn('GET', untouchedPath)
    .node('parallel', { branches: [branch('forecast', false), branch('version', false), branch('observation', true)] }, 4).as('three')
    .node('service callout', callout('forecast'), 3).node('end', {}, 0)
    .from('three', 1).node('service callout', callout('version'), 3).node('end', {}, 0)
    .from('three', 2).node('service callout', callout('observation'), 3).node('end', {}, 0)
    .from('three', 3).node('map', { rows: [{ to: 'asOf', from: 'payload.forecast.records.datasetDescription' }, { to: 'version', from: 'payload.version' }, { to: 'observation', from: 'payload.observation' }] })
    .node('respond', {}, 0)
    .nodes()
}
