// What runs did, painted on the canvas: nodes wear counts and times, wires their messages.
(function () {
  const sluice = (window.sluice = window.sluice || {})
  const svgNs = 'http://www.w3.org/2000/svg'
  const isChinese = () => RED.i18n.lang() === 'zh-TW'

  /** The words of a sidebar, in the reader's language; `{n}` stands for a value. */
  sluice.words = function (all) {
    return (key, values = {}) => {
      const text = all[isChinese() ? 'zh-TW' : 'en'][key] || all.en[key]
      return text.replace(/\{(\w+)\}/g, (hole, name) => (name in values ? String(values[name]) : hole))
    }
  }

  const refusals = sluice.words({
    en: {},
    'zh-TW': {
      'auth.role': '只有可變更此流程的人才能查看其中的內容。',
      'gateway.none': '沒有任何閘道連線中。請先啟動閘道，或等它恢復。',
      'record.none': '連線中的閘道都已沒有這筆紀錄。紀錄只保留 15 分鐘。',
      'cases.malformed': '案例未儲存：',
      'gateway.refused': '閘道無法執行：',
    },
  })
  const withDetail = new Set(['cases.malformed', 'gateway.refused'])

  /** Asks our part of the editor's server. */
  sluice.ask = function (method, path, body) {
    return new Promise((resolve, reject) => {
      $.ajax({
        url: `sluice/${path}`,
        type: method,
        ...(body === undefined ? {} : { data: JSON.stringify(body), contentType: 'application/json; charset=utf-8' }),
      }).done(resolve).fail((xhr) => {
        const { code = '', message = xhr.statusText } = xhr.responseJSON || {}
        let text = message
        if (isChinese()) {
          try {
            const known = refusals(code)
            text = withDetail.has(code) ? known + message : known
          } catch {
            text = message
          }
        }
        reject(Object.assign(new Error(text), { code }))
      })
    })
  }

  const sentences = [
    [/^called (.*), which the case does not play$/, '呼叫了 $1，但案例未提供其回應'],
    [/^never called (.*)$/, '從未呼叫 $1'],
    [/^called (.*) with(\S*): expected (.*), got (.*)$/s, '呼叫 $1 時送出的本文$2：預期 $3，實得 $4'],
    [/^expected (.*) to be true, got (.*)$/, '預期 $1 為 true，實得 $2'],
    [/^status: expected (\d+), got (.*)$/, '狀態碼：預期 $1，實得 $2'],
    [/^(\S+): expected (.*), it is not there$/, '$1：預期 $2，但沒有此項'],
    [/^(\S+): expected (.*) items, got (.*)$/, '$1：預期 $2 項，實得 $3 項'],
    [/^(.*?): expected (.*), got (.*)$/, '$1：預期 $2，實得 $3'],
    [/^status: (\d+) → (\d+)$/, '狀態碼：$1 → $2'],
    [/^(\S+): (\d+) → (\d+) items$/, '$1：$2 → $3 項'],
    [/^log: /, '記錄檔：'],
  ]

  /** What is not as promised, in the reader's language: gateways say it in English. */
  sluice.sayFailure = function (text) {
    const known = isChinese() && sentences.find(([pattern]) => pattern.test(text))
    return known ? text.replace(known[0], known[1]) : text
  }

  /** The flows as they are drawn at the moment, deployed or not, without secrets. */
  sluice.draft = () => RED.nodes.createCompleteNodeSet({ credentials: false })

  /** Calls `show` whenever a sidebar comes into sight. */
  sluice.whenShown = function (box, show) {
    new IntersectionObserver((entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) show()
    }).observe(box[0])
  }

  sluice.ms = (ms) => (ms === undefined ? '' : `${ms >= 100 ? Math.round(ms) : ms >= 1 ? ms.toFixed(1) : ms.toFixed(2)} ms`)

  sluice.labelOf = function (id) {
    const node = nodeOf(id)
    return node ? RED.utils.getNodeLabel(node, node.type) : id
  }

  /** A node by the id that it runs under: one within an instance of a subflow is called `instance-node`. */
  function nodeOf(id) {
    const exact = RED.nodes.node(id) || RED.nodes.junction(id)
    if (exact) return exact
    const dash = id.lastIndexOf('-')
    return dash < 0 ? null : RED.nodes.node(id.slice(dash + 1)) || nodeOf(id.slice(0, dash))
  }

  /** Where a running node is to be seen: itself, the instance on the tab that it is part of, the node of the template. */
  function placesOf(id) {
    const exact = RED.nodes.node(id)
    if (exact) return [exact]
    const places = []
    for (let dash = id.indexOf('-'); dash > 0; dash = id.indexOf('-', dash + 1)) {
      const instance = RED.nodes.node(id.slice(0, dash))
      if (instance && places.length === 0) places.push(instance)
      const inside = RED.nodes.node(id.slice(dash + 1))
      if (inside) places.push(inside)
    }
    return places
  }
  sluice.placesOf = placesOf

  const keyOf = (link) => `${link.source.id}:${link.sourcePort || 0}:${link.target.id}`
  sluice.keyOf = keyOf

  /** Junctions and links lead on without being steps of a run. */
  function goesOn(node) {
    if (node.type === 'junction' || node.type === 'link in') return RED.nodes.filterLinks({ source: node })
    return []
  }

  /** The drawn wires between two nodes that a run went between. */
  function wiresBetween(from, port, to) {
    const paths = RED.nodes.filterLinks({ source: from }).filter((link) => port === undefined || (link.sourcePort || 0) === port).map((link) => [link])
    const seen = new Set()
    while (paths.length > 0) {
      const path = paths.shift()
      const { target } = path[path.length - 1]
      if (target.id === to.id) return path
      if (seen.has(target.id)) continue
      seen.add(target.id)
      for (const link of goesOn(target)) paths.push([...path, link])
      if (target.type === 'link out') {
        for (const id of target.links || []) {
          const entry = RED.nodes.node(id)
          if (!entry || seen.has(id)) continue
          if (id === to.id) return path
          for (const link of goesOn(entry)) paths.push([...path, link])
        }
      }
    }
    return []
  }

  /** Keys of the drawn wires that a send of a running node went along. */
  sluice.wiresOf = function (from, port, to) {
    const found = new Set()
    for (const a of placesOf(from)) {
      for (const b of placesOf(to)) {
        if (a.id === b.id || a.z !== b.z) continue
        for (const link of wiresBetween(a, a.id === from ? port : undefined, b)) found.add(keyOf(link))
      }
    }
    return [...found]
  }

  // --- painting ---------------------------------------------------------------------------------

  /** What is painted: nodes by id, wires by key, and who is told of a wire that is pressed. */
  let painted
  const worn = new Map()
  let planned = false
  const observer = new MutationObserver(() => plan())

  function plan() {
    if (planned) return
    planned = true
    requestAnimationFrame(() => {
      planned = false
      apply()
    })
  }

  /** `nodes`: id → {text, fill}; `wires`: key → {text, label, kind}; `now`: ids; `nowWires`: keys; `press(key)`. */
  sluice.paint = function (picture) {
    const before = painted
    painted = picture
    wear(before)
    const chart = document.querySelector('#red-ui-workspace-chart')
    if (chart) observer.observe(chart, { subtree: true, childList: true, attributes: true, attributeFilter: ['d'] })
    plan()
  }

  sluice.unpaint = function (owner) {
    if (!painted || (owner && painted.owner !== owner)) return
    const before = painted
    painted = undefined
    observer.disconnect()
    wear(before)
    apply()
  }

  sluice.paintedBy = () => painted && painted.owner

  /** Counts and times stand where the status of a node stands; the status comes back afterwards. */
  function wear(before) {
    const wanted = painted ? painted.nodes : new Map()
    for (const [node, status] of worn) {
      if (wanted.has(node.id)) continue
      node.status = status
      worn.delete(node)
      touch(node)
    }
    for (const [id, { text, fill }] of wanted) {
      const node = RED.nodes.node(id)
      if (!node) continue
      if (!worn.has(node)) worn.set(node, node.status)
      if (node.status && node.status.text === text && node.status.fill === fill) continue
      node.status = { fill, shape: 'dot', text }
      touch(node)
    }
    if (painted || before) RED.view.redraw()
  }

  function touch(node) {
    node.dirty = true
    node.dirtyStatus = true
  }

  function apply() {
    observer.disconnect()
    const { wires = new Map(), now = new Set(), nowWires = new Set(), press } = painted || {}
    for (const group of document.querySelectorAll('.red-ui-flow-link')) {
      const link = group.__data__
      const key = link && link.source && link.target ? keyOf(link) : undefined
      const wire = key === undefined ? undefined : wires.get(key)
      for (const kind of ['taken', 'missed']) group.classList.toggle(`sluice-wire-${kind}`, wire !== undefined && wire.kind === kind)
      group.classList.toggle('sluice-wire-now', key !== undefined && nowWires.has(key))
      mark(group, key, wire, press)
    }
    for (const element of document.querySelectorAll('.red-ui-flow-node-group')) element.classList.toggle('sluice-now', now.has(element.id))
    const chart = document.querySelector('#red-ui-workspace-chart')
    if (painted && chart) observer.observe(chart, { subtree: true, childList: true, attributes: true, attributeFilter: ['d'] })
  }

  /** The dot on a wire that says how many messages went along, and shows them. */
  function mark(group, key, wire, press) {
    let dot = group.querySelector(':scope > .sluice-wire-mark')
    if (!wire || wire.text === undefined) {
      if (dot) dot.remove()
      return
    }
    const line = group.__pathLine__
    const length = line && line.getAttribute('d') ? line.getTotalLength() : 0
    if (!length) return
    const { x, y } = line.getPointAtLength(length / 2)
    if (!dot) {
      dot = document.createElementNS(svgNs, 'g')
      dot.setAttribute('class', 'sluice-wire-mark')
      dot.setAttribute('role', 'button')
      dot.setAttribute('tabindex', '0')
      dot.append(document.createElementNS(svgNs, 'circle'), document.createElementNS(svgNs, 'text'))
      dot.firstChild.setAttribute('r', '9')
      dot.lastChild.setAttribute('text-anchor', 'middle')
      dot.lastChild.setAttribute('dy', '4')
      for (const event of ['mousedown', 'mouseup', 'touchstart']) dot.addEventListener(event, (given) => given.stopPropagation())
      dot.addEventListener('click', (event) => {
        event.stopPropagation()
        dot.sluicePress()
      })
      dot.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return
        event.preventDefault()
        event.stopPropagation()
        dot.sluicePress()
      })
      group.append(dot)
    }
    dot.sluicePress = () => press && press(key)
    dot.setAttribute('transform', `translate(${x},${y})`)
    dot.setAttribute('aria-label', wire.label)
    if (dot.lastChild.textContent !== wire.text) dot.lastChild.textContent = wire.text
  }

  RED.events.on('workspace:change', () => painted && plan())
})()
