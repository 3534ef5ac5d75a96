/**
 * Environment entries of a tab that say something about the whole flow. They are written in the tab's own dialog of the
 * editor and travel with the flow, so that Git, the editor and the records tell one story.
 */
export const tabProperties = {
  /** Id of the organisation that the flow belongs to: who may change it, whose global policies run around it, whose API it may be. */
  organisation: 'SLUICE_ORGANISATION',
  /** Version of the API that the flow serves, such as `v2`: flows with the same routes and different versions run side by side. */
  apiVersion: 'SLUICE_API_VERSION',
  /** `pass` lets `http request` nodes call out for sandbox callers too: the flow says that what they reach is no production. */
  sandbox: 'SLUICE_SANDBOX',
  /** 0 to 9: how important requests to the flow are at least, whoever calls: for health checks and what operators need. */
  priority: 'SLUICE_PRIORITY',
  /** `gate`: a deploy that touches the flow is refused while one of its cases fails. */
  cases: 'SLUICE_CASES',
  /** Places that hold no secret, whatever it looks like: `node/property`, separated by commas. */
  notSecret: 'SLUICE_NOT_SECRET',
} as const

/** The value of such an entry of a tab's record; `undefined` when it has none, or an empty one, or one that is computed. */
export function tabProperty(tab: Readonly<Record<string, unknown>>, name: (typeof tabProperties)[keyof typeof tabProperties]): string | undefined {
  const env = tab['env']
  if (!Array.isArray(env)) return undefined
  const entry = env.find((one: unknown): one is { readonly name: string; readonly value: string; readonly type?: string } => {
    const { name: own, value, type } = (one ?? {}) as Record<string, unknown>
    return own === name && typeof value === 'string' && (type === undefined || type === 'str')
  })
  const value = entry?.value.trim()
  return value === undefined || value === '' ? undefined : value
}
