import type { Run } from './run.ts'

/** Calls `listener` once when the run is aborted, at once when it is already. The result takes the listener back. */
export function whenAborted(run: Run, listener: (reason: unknown) => void): () => void {
  if (run.onAbort) return run.onAbort(listener)
  const { signal } = run
  if (signal.aborted) {
    listener(signal.reason)
    return () => {}
  }
  const tell = () => listener(signal.reason)
  signal.addEventListener('abort', tell, { once: true })
  return () => signal.removeEventListener('abort', tell)
}
