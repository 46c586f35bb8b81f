import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0005_working_hours'),
    ]

    operations = [
        migrations.CreateModel(
            name='CustomerNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(max_length=2000, verbose_name='text')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('struck_at', models.DateTimeField(blank=True, null=True, verbose_name='struck out')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='notes', to='customers.customer', verbose_name='customer')),
            ],
            options={
                'verbose_name': 'note',
                'verbose_name_plural': 'notes',
                'indexes': [models.Index(fields=['customer', '-at', '-id'], name='note_customer')],
            },
        ),
        migrations.AlterField(
            model_name='binding',
            name='customer',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='bindings', to='customers.customer', verbose_name='customer'),
        ),
        migrations.AlterField(
            model_name='review',
            name='customer',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='customers.customer', verbose_name='customer'),
        ),
        migrations.AddIndex(
            model_name='binding',
            index=models.Index(fields=['customer', '-started_at', '-id'], name='binding_customer'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['customer', '-ordered_at', '-id'], name='order_customer'),
        ),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(fields=['customer', '-reviewed_at', '-id'], name='review_customer'),
        ),
    ]
