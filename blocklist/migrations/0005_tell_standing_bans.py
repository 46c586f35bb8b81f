from django.db import migrations

# Bans that were set before there was a feed: whoever keeps a copy hears of those that are open.
LINES = """
    INSERT INTO blocklist_banchange (kind, ban_id, until, at)
    SELECT 'set', ban.id, ban.until, ban.started_at FROM blocklist_ban ban
    WHERE ban.ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM blocklist_banchange line WHERE line.ban_id = ban.id)
    ORDER BY ban.id
"""


class Migration(migrations.Migration):

    dependencies = [
        ("blocklist", "0004_changes_per_source"),
    ]

    operations = [
        migrations.RunSQL(LINES, migrations.RunSQL.noop),
    ]
