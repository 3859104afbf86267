// The primary relays the outbox to Kafka in order; one worker a core takes callbacks.
import cluster from 'node:cluster';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import fastify from 'fastify';
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import pg from 'pg';

const { PEER_PORT, PEER_DATABASE, PEER_KAFKA, PEER_TOPIC, PEER_TOKEN_KEY, PEER_WEBHOOK_KEY } = process.env;

if (cluster.isPrimary) {
  for (let i = 0; i < availableParallelism(); i++) cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
  await relay();
} else {
  await receive();
}

async function receive() {
  const pool = new pg.Pool({ connectionString: PEER_DATABASE, max: 8 });
  const tokenKey = Buffer.from(PEER_TOKEN_KEY, 'hex');
  const webhookKey = Buffer.from(PEER_WEBHOOK_KEY, 'hex');
  const app = fastify({ logger: false });
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => done(null, body));
  app.post('/callbacks/kling/:task/:token', async (request, reply) => {
    const { task, token } = request.params;
    const right = createHmac('sha256', tokenKey).update(task).digest().subarray(0, 24).toString('base64url');
    const head = `${request.headers['webhook-id']}.${request.headers['webhook-timestamp']}.`;
    const signature = 'v1,' + createHmac('sha256', webhookKey).update(head).update(request.body).digest('base64');
    if (!same(token, right) || !same(request.headers['webhook-signature'] ?? '', signature)) {
      return reply.code(401).send({ code: 1000, message: 'not authentic' });
    }
    const said = JSON.parse(request.body);
    await pool.query({
      name: 'callback',
      text: `
        with moved as (
          update task set status = $2, rank = $3, sequence = sequence + 1, result = $4, updated_at = now()
          where id = $1 and rank < $3
          returning id, status, sequence, result, updated_at
        ),
        event as (
          insert into task_event (task_id, sequence, event_id, payload)
          select id, sequence, gen_random_uuid(), to_json(moved) from moved
          returning task_id, event_id, payload
        )
        insert into outbox (task_id, event_id, payload) select task_id, event_id, payload from event`,
      values: [task, said.task_status, said.task_status === 'processing' ? 2 : 3, JSON.stringify(said.task_result)],
    });
    return { code: 0, message: 'ok' };
  });
  await app.listen({ host: 'localhost', port: Number(PEER_PORT) });
}

function same(left, right) {
  const a = Buffer.from(left);
  const b = Buffer.from(right);
  return a.length === b.length && timingSafeEqual(a, b);
}

async function relay() {
  const client = new pg.Client({ connectionString: PEER_DATABASE });
  await client.connect();
  const kafka = new Kafka({ brokers: [PEER_KAFKA], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (;;) {
    const { rows } = await client.query({
      name: 'next',
      text: 'select id, task_id, event_id, payload::text from outbox order by id limit 500',
    });
    if (rows.length === 0) {
      await new Promise((resume) => setTimeout(resume, 5));
      continue;
    }
    await producer.send({
      topic: PEER_TOPIC,
      acks: -1,
      compression: CompressionTypes.None,
      messages: rows.map((row) => ({ key: row.task_id, value: row.payload, headers: { ce_id: row.event_id } })),
    });
    await client.query({
      name: 'sent',
      text: 'delete from outbox where id = any($1::bigint[])',
      values: [rows.map((row) => row.id)],
    });
  }
}
