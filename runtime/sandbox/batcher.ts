import ivm from 'isolated-vm'
import type { CpuTime } from './cpu-time.ts'
import { limitOf, type Guest, type GuestContext } from './guest.ts'
import type { GuestSource } from './guest-source.ts'
import type { Limit } from './limits.ts'

/** A call of a synchronous function that enters together with others. */
export interface BatchCall {
  readonly slot: number
  readonly call: number
  readonly text: string
  /** Its function loops or allocates, so it might kill the isolate. */
  readonly careful: boolean
  /** Whatever it does before it ends stays inside the isolate: nobody can notice that it began again. */
  readonly unnoticed: boolean
  done(result: string): void
  /** What it changed in contexts becomes as it was. Asked of the last that began, before any other code of the process goes on. */
  takeBack(): void
  /**
   * It hit a limit and will not be run again. `starved`: the clock ran out while the machine gave this
   * thread no processor, so it is not the call's doing; then it was asked to take back what it changed.
   */
  hit(limit: Limit, starved: boolean): void
  /** The batch was cut after this call had ended; something it left behind may be the reason. */
  suspect(): void
  /** It never began and cannot begin here any more. */
  again(): void
  /** The isolate died while it, or another that nobody can notice, ran: it begins in a place of its own. */
  aside(): void
}

/** The serving thread's door to one isolate: calls of one turn of the event loop enter as one. */
export interface Batcher {
  readonly guest: Guest
  register(context: GuestContext): number
  forget(slot: number): void
  add(call: BatchCall): void
}

/** No new call of a batch is started after this long. */
const openMs = 5
/** A single call is cut after this long. */
const callMs = 20
/** Less processor time than this in a batch that ran into its limit means that the machine was busy elsewhere. */
const starvedMs = 18
/** A batch is not made larger than this many characters. */
const batchChars = 512 * 1024
/** How many calls began and ended, and results that were not handed over yet. */
const takenForm = /^(\d+)\|(\d+)\|(.*)$/s

export async function createBatcher(source: GuestSource, guest: Guest, cpu: CpuTime): Promise<Batcher> {
  let batch: BatchCall[] = []
  let finished = 0
  let number = 0
  const context = await guest.isolate.createContext()
  const make = (await context.eval(source.dispatcher, { filename: 'sluice', reference: true })) as ivm.Reference
  /** Results that have left the isolate before a call that might kill it. */
  const handOver = (begun: number, out: string): void => {
    settle(out)
    finished = begun
  }
  const dispatcher = (await make.apply(undefined, [new ivm.Callback(handOver)], { result: { reference: true } })) as ivm.Reference
  const get = (name: string): Promise<ivm.Reference> => dispatcher.get(name, { reference: true }) as Promise<ivm.Reference>
  const [register, forget, run, take] = await Promise.all([get('register'), get('forget'), get('run'), get('take')])

  const free: number[] = []
  let slots = 0
  let queue: BatchCall[] = []
  let scheduled = false
  const timeout = { timeout: openMs + callMs }

  /** Gives results to the calls they belong to, in order. */
  function settle(out: string): void {
    let at = 0
    while (at < out.length) {
      const colon = out.indexOf(';', at)
      const end = colon + 1 + Number(out.slice(at, colon))
      const call = batch[finished++] as BatchCall
      call.done(out.slice(colon + 1, end))
      at = end
    }
  }

  function next(): BatchCall[] {
    const calls = queue
    let chars = 0
    let i = 0
    while (i < calls.length && (chars < batchChars || i === 0)) chars += (calls[i++] as BatchCall).text.length
    queue = i === calls.length ? [] : calls.slice(i)
    const taken = i === calls.length ? calls : calls.slice(0, i)
    const first = rank(taken[0] as BatchCall)
    return taken.every((call) => rank(call) === first) ? taken : [0, 1, 2].flatMap((wanted) => taken.filter((call) => rank(call) === wanted))
  }

  /**
   * The order within a batch: what cannot kill the isolate; what may, and that nobody can notice; the rest. Of the
   * last, each is handed over alone, so that a death has one culprit; a death among the others has a few suspects.
   */
  function rank(call: BatchCall): 0 | 1 | 2 {
    return !call.careful ? 0 : call.unnoticed ? 1 : 2
  }

  function flush(): void {
    scheduled = false
    if (guest.dead) return giveBack()
    batch = next()
    finished = 0
    number++
    const cpuBefore = cpu.ofServing()
    let text = ''
    let before = 0
    for (const call of batch) {
      // Handed over before the first that may kill the isolate, and before each that must not begin twice.
      const now = rank(call)
      text += `${now === 2 || now > before ? '!' : ''}${call.slot},${call.call},${call.text.length};${call.text}`
      before = now
    }
    try {
      settle(run.applySync(undefined, [number, text, openMs], timeout) as string)
      if (finished < batch.length) queue = [...batch.slice(finished), ...queue]
    } catch (error) {
      cut(error, cpu.ofServing() - cpuBefore < starvedMs)
    }
    batch = []
    if (queue.length > 0) schedule()
  }

  function cut(error: unknown, starved: boolean): void {
    const limit = limitOf(guest, error)
    if (guest.dead) {
      const left = batch.slice(finished)
      const suspects = left.filter((call) => rank(call) === 1)
      if (left[0] && rank(left[0]) === 1) {
        queue = [...left.slice(suspects.length), ...queue]
        for (const call of suspects) call.aside()
      } else {
        queue = [...left.slice(1), ...queue]
        left[0]?.hit('memory', false)
      }
      return giveBack()
    }
    const [, begun, ended, out] = takenForm.exec(take.applySync(undefined, [number]) as string) as unknown as [string, string, string, string]
    const culprit = begun === ended ? undefined : batch[Number(ended)]
    if (starved) culprit?.takeBack()
    settle(out)
    const done = batch.slice(0, finished)
    queue = [...batch.slice(Number(begun)), ...queue]
    if (culprit) culprit.hit(limit ?? 'timeout', starved)
    else if (!starved) for (const call of done) call.suspect()
  }

  function giveBack(): void {
    const left = queue
    queue = []
    for (const call of left) call.again()
  }

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(flush)
  }

  return {
    guest,
    register(made) {
      const slot = free.pop() ?? slots++
      register.applySync(undefined, [slot, made.enter.derefInto()])
      return slot
    },
    forget(slot) {
      if (guest.dead) return
      forget.applySync(undefined, [slot])
      free.push(slot)
    },
    add(call) {
      queue.push(call)
      schedule()
    },
  }
}

