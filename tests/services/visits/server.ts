/** The program of docs/add-a-service.md. */
export const server = String.raw`import asyncio, base64, hmac, json, os
import asyncpg

LOGIN = base64.b64encode(f"admin:{os.environ['ADMIN_PASSWORD']}".encode()).decode()

async def answer(pool, reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    body, status = None, "200 OK"
    if head.startswith("GET /livez "):
        body = {"ok": True}
    elif not hmac.compare_digest(head.partition("Basic ")[2].partition("\r")[0], LOGIN):
        status = "401 Unauthorized\r\nwww-authenticate: Basic"
    else:
        count = await pool.fetchval("INSERT INTO visit DEFAULT VALUES RETURNING id")
        body = {"title": os.environ["TITLE"], "visits": count}
    text = json.dumps(body)
    writer.write(f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode())
    await writer.drain()
    writer.close()

async def main():
    pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=2)
    await pool.execute("CREATE TABLE IF NOT EXISTS visit (id bigserial PRIMARY KEY, at timestamptz DEFAULT now())")
    server = await asyncio.start_server(lambda r, w: answer(pool, r, w), "0.0.0.0", 8080)
    await server.serve_forever()

asyncio.run(main())
`;
