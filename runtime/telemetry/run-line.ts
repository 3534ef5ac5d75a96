import type { RunSummary } from '../core/deployment.ts'

/** Ids, codes, methods and most patterns need no escaping; whatever does goes through JSON.stringify. */
const plain = /^[\w .:/*?=,;@+~()[\]{}<>$&|!#%^-]*$/

function quote(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text)
}

/**
 * Writes run lines by hand: the keys are known, and a general serialiser would cost more than many a flow. What
 * is the same for all runs of an entry is made once.
 */
export function createRunLine(now: () => number): (summary: RunSummary) => string {
  const heads = new Map<string, Head>()
  let second = 0
  let stamp = ''

  function time(): string {
    const at = now()
    const whole = Math.floor(at / 1000)
    if (whole !== second) {
      second = whole
      stamp = `"time":"${new Date(whole * 1000).toISOString().slice(0, 20)}`
    }
    return stamp + thousandths[at - whole * 1000]
  }

  function head(summary: RunSummary): string {
    const known = heads.get(summary.node)
    if (known && known.revision === summary.revision && known.release === summary.release && known.method === summary.method && known.route === summary.route) {
      return known.text
    }
    if (heads.size > mostHeads) heads.clear()
    const { flow, node, revision, release, on, method, route } = summary
    let text = `,"flow":${quote(flow)},"node":${quote(node)},"revision":${quote(revision)},"release":${release},"on":"${on}"`
    if (method !== undefined) text += `,"method":${quote(method)}`
    if (route !== undefined) text += `,"route":${quote(route)}`
    text += ',"tookMs":'
    heads.set(node, { revision, release, method, route, text })
    return text
  }

  return (summary) => {
    const { run, status, tookMs, fault } = summary
    const level = status !== undefined && status >= 500 ? '{"level":"error",' : '{"level":"info",'
    const end = fault === undefined ? '}\n' : `,"fault":${quote(fault)}}\n`
    const shown = status === undefined ? '' : `,"status":${status}`
    return `${level}${time()}Z","run":${quote(run)}${head(summary)}${Math.round(tookMs * 1000) / 1000}${shown}${end}`
  }
}

/** What all runs of an entry have in common. */
interface Head {
  readonly revision: string
  readonly release: number
  readonly method: string | undefined
  readonly route: string | undefined
  readonly text: string
}

const mostHeads = 50_000
const thousandths = Array.from({ length: 1000 }, (_, ms) => String(ms).padStart(3, '0'))
