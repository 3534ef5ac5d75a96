import type { LabelMap } from '../../runtime/core/labels/label-map.ts'
import type { Leak } from '../../runtime/core/labels/labels.ts'
import { labelsOfTemplate, labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import type { HttpRequestConfig } from './http-request.ts'

/** What of a message goes out with its request: as the node says, and as Node-RED lets the message say. */
export function leaksOfRequest({ url, method, paytoqs, headers }: HttpRequestConfig, input: LabelMap): readonly Leak[] {
  const sendsPayload = method.toUpperCase() === 'GET' ? paytoqs !== 'ignore' : method.toUpperCase() !== 'HEAD'
  return [
    { to: 'callout', what: 'the URL', property: 'url', labels: url.trim() === '' ? input.at(['url']) : labelsOfTemplate(url, input) },
    ...(method === 'use' ? [{ to: 'callout' as const, what: 'the method', property: 'method', labels: input.at(['method']) }] : []),
    ...(sendsPayload ? [{ to: 'callout' as const, what: 'payload', labels: input.at(['payload']) }] : []),
    { to: 'callout', what: 'headers', labels: input.at(['headers']) },
    { to: 'callout', what: 'cookies', labels: input.at(['cookies']) },
    ...headers.flatMap(({ keyType, keyValue, valueType, valueValue }) => [[keyType, keyValue], [valueType, valueValue]].map(([type, value]) => (
      { to: 'callout' as const, what: 'a header', property: 'headers', labels: labelsOfValue(value, type === 'msg' ? 'msg' : '', input) }
    ))),
  ]
}
