
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0001_initial'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='customer',
            options={'permissions': [('view_contact', 'May see contact data unmasked'), ('bind_customer', 'May bind a customer without an agent to himself'), ('bind_any_customer', 'May bind and hand over any customer'), ('view_shop_figures', 'May see the figures of the whole shop')], 'verbose_name': 'customer', 'verbose_name_plural': 'customers'},
        ),
        migrations.CreateModel(
            name='Inquiry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('new', 'new'), ('open', 'open'), ('waiting', 'waiting for an agent'), ('closed', 'closed')], default='new', max_length=10, verbose_name='state')),
                ('routed_reason', models.CharField(choices=[('exclusive', 'the exclusive agent is online'), ('unbound', 'no exclusive agent yet: the least busy agent online'), ('exclusive_suspended', 'the exclusive agent is suspended: the least busy agent online'), ('exclusive_offline', 'the exclusive agent is offline: the least busy agent online'), ('nobody_online', 'no agent is online: it waits, and a lead sees it'), ('given', 'a lead or a manager gave or took it')], max_length=30, verbose_name='why this agent')),
                ('opened_at', models.DateTimeField(verbose_name='opened')),
                ('first_reply_at', models.DateTimeField(blank=True, null=True, verbose_name='first reply')),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='closed at')),
                ('last_message_at', models.DateTimeField(verbose_name='last message')),
                ('agent', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='inquiries', to='customers.agent', verbose_name='agent')),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='inquiries', to='customers.customer', verbose_name='customer')),
                ('source', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.source', verbose_name='source')),
            ],
            options={
                'verbose_name': 'inquiry',
                'verbose_name_plural': 'inquiries',
                'permissions': [('answer_own_inquiry', 'May answer and close the inquiries that are his'), ('answer_any_inquiry', 'May see, answer, close and give away any inquiry')],
            },
        ),
        migrations.CreateModel(
            name='InquiryMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('author', models.CharField(choices=[('buyer', 'buyer'), ('agent', 'agent'), ('automatic', 'automatic')], max_length=10, verbose_name='author')),
                ('text', models.TextField(max_length=4000, verbose_name='text')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('inquiry', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='customers.inquiry', verbose_name='inquiry')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'message of an inquiry',
                'verbose_name_plural': 'messages of inquiries',
            },
        ),
        migrations.AddIndex(
            model_name='inquiry',
            index=models.Index(fields=['customer', '-opened_at'], name='inquiry_customer'),
        ),
        migrations.AddIndex(
            model_name='inquiry',
            index=models.Index(fields=['agent', 'state'], name='inquiry_agent_state'),
        ),
        migrations.AddIndex(
            model_name='inquiry',
            index=models.Index(fields=['state', 'last_message_at'], name='inquiry_state'),
        ),
        migrations.AddIndex(
            model_name='inquiry',
            index=models.Index(fields=['-last_message_at', '-id'], name='inquiry_last_message'),
        ),
        migrations.AddConstraint(
            model_name='inquiry',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'closed'), _negated=True), fields=('customer',), name='inquiry_one_running', violation_error_message='This customer already has a running inquiry.'),
        ),
        migrations.AddConstraint(
            model_name='inquiry',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'closed'), models.Q(('agent__isnull', True), ('state', 'waiting')), models.Q(('agent__isnull', False), ('state__in', ['new', 'open'])), _connector='OR'), name='inquiry_waits_or_has_agent', violation_error_message='A running inquiry has an agent, or waits for one.'),
        ),
        migrations.AddConstraint(
            model_name='inquiry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', False), ('state', 'closed')), models.Q(models.Q(('state', 'closed'), _negated=True), ('closed_at__isnull', True)), _connector='OR'), name='inquiry_closed_has_time', violation_error_message='A closed inquiry has the time of closing, a running one has none.'),
        ),
        migrations.AddIndex(
            model_name='inquirymessage',
            index=models.Index(fields=['inquiry', 'id'], name='inquiry_message_order'),
        ),
        migrations.AddConstraint(
            model_name='inquirymessage',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('author', 'agent'), ('user__isnull', False)), models.Q(models.Q(('author', 'agent'), _negated=True), ('user__isnull', True)), _connector='OR'), name='inquiry_message_answer_has_user', violation_error_message='An answer names who gave it, nothing else does.'),
        ),
    ]
